"""How a text that is cut off in the middle of its markup is shown meanwhile, so that nothing flickers.

“Here is **bo” is shown bold and without asterisks. A line that is nothing but signs so far is held back: a dash after
a paragraph would be a heading for a moment, though it becomes a list.
"""

from __future__ import annotations

import re

_ONLY_SIGNS = re.compile(r"[ \t]*(?:[-=*+#>|`~_:\[\]]+|\d+[.)]?)[ \t]*\Z")
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


def presentable(text: str) -> str:
    """Return the text of an unfinished unit as it should be parsed for now."""
    before, _, last = text.rpartition("\n")
    if len(_FENCE.findall(text)) % 2:
        return text
    if _ONLY_SIGNS.match(last):
        return before
    if last.count("`") % 2:
        return text[:-1] if last.endswith("`") else text + "`"
    return _with_bold_closed(text, last)


def _with_bold_closed(text: str, last: str) -> str:
    if not last.count("**") % 2:
        return text
    if last.endswith("**"):
        return text[:-2]
    return text.rstrip("* ") + "**"
