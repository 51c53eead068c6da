"""A text that grows: what is settled is parsed once, only its last unit again.

Whatever the pieces, the lines at the end are those of the whole text parsed at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from desktop.widgets.chat.lines import PLAIN, Line, Span, joined
from desktop.widgets.chat.markdown import Highlight, clean, last_unit, lines_of, plain
from desktop.widgets.chat.unfinished import presentable

# A unit longer than this only grows by plain text until it ends; parsing 1,000 characters takes about 1 ms.
# Code is cheap to parse: it has no inline markup.
LONG_UNIT = 3_000
LONG_CODE = 60_000


@dataclass(frozen=True, slots=True)
class Change:
    """From line ``start`` on, the answer's lines are these."""

    start: int
    lines: Sequence[Line]


class MarkdownStream:
    def __init__(self, highlight: Highlight = plain) -> None:
        self._highlight = highlight
        self._pieces: list[str] = []
        self._open = ""  # the last unit
        self._searched = 0  # characters of it in which its end was looked for
        self._settled = 0  # lines before it
        self._ordinal: int | None = None
        self._defines = False
        self._parsed: tuple[int, list[Line]] = (0, [])  # of a long unit: characters that were parsed, and their lines

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    def feed(self, text: str) -> Change:
        """Add text and return what it changes."""
        self._pieces.append(text)
        self._open += text
        start, settled = self._settled, self._settle()
        return Change(start, [*settled, *self._open_lines()])

    def finish(self) -> Change:
        """Return the lines that were still open, or all where a definition at the end changes earlier ones."""
        if self._defines or last_unit(self._open).defines:
            return self.all()
        return Change(self._settled, self._parse(self._open))

    def all(self) -> Change:
        """Return the lines of the whole text so far: the same, were it parsed at once."""
        return Change(0, lines_of(self.text, self._highlight))

    def _settle(self) -> list[Line]:
        """Move what can no longer change out of the open part; only whole lines tell."""
        complete = self._open.rfind("\n") + 1
        added = self._open[self._searched : complete]
        if not added or not self._worth_looking(added):
            return []
        self._searched = complete
        unit = last_unit(self._open[:complete], self._ordinal)
        self._defines |= unit.defines
        if unit.start == 0:
            return []
        return self._cut(unit.start, unit.ordinal)

    def _worth_looking(self, added: str) -> bool:
        """Tell whether to look for a long unit's end: after a blank line or many more characters."""
        size = len(self._open)
        return size <= LONG_UNIT or len(added) >= size / 4 or (size <= 4 * LONG_UNIT and "\n\n" in added)

    def _cut(self, line: int, ordinal: int | None) -> list[Line]:
        # a carriage return at the very end may be half of a line end: nothing can be cut there
        parts = clean(self._open).split("\n")
        settled = self._parse("\n".join(parts[:line]))
        self._open = "\n".join(parts[line:]) if not self._open.endswith("\r") else "\n".join(parts[line:-1]) + "\r"
        self._searched = self._open.rfind("\n") + 1
        self._settled += len(settled)
        self._ordinal = ordinal
        self._parsed = (0, [])
        return settled

    def _open_lines(self) -> list[Line]:
        limit = LONG_CODE if self._open.lstrip().startswith(("```", "~~~")) else LONG_UNIT
        if len(self._open) <= limit:
            self._parsed = (len(self._open), self._parse(presentable(self._open)))
        elif not self._parsed[0]:
            self._parsed = (limit, self._parse(self._open[:limit]))
        characters, lines = self._parsed
        return _grown(lines, self._open[characters:])

    def _parse(self, text: str) -> list[Line]:
        return lines_of(text, self._highlight, self._settled, self._ordinal)


def _grown(lines: list[Line], text: str) -> list[Line]:
    """Return the lines with text added as it is, without any markup."""
    if not text:
        return lines
    first, *more = clean(text).split("\n")
    *before, last = lines or [Line("paragraph")]
    if last.role == "row":
        return [*lines, *(Line("paragraph", joined([Span(part)])) for part in (first, *more))]
    style = last.spans[-1].style if last.spans and last.role != "formula" else PLAIN
    grown = replace(last, spans=joined([*last.spans, Span(first, style)]))
    return [*before, grown, *(replace(last, marker="", spans=joined([Span(part, style)])) for part in more)]
