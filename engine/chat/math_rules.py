r"""Rules of the Markdown parser for formulas: ``$…$``, ``\(…\)``, ``$$…$$``, ``\[…\]`` and ``\begin{…}…\end{…}``.

A dollar sign opens a formula as in Pandoc's Markdown (its manual, extension tex_math_dollars): no space after the
opening one, none before the closing one, and no digit after that, so that prices stay prices. A formula ends at the
latest before a blank line, as a paragraph does; lines that begin one and do not end it are shown as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

_PAIRS = (("$$", "$$", True), ("$", "$", False), (r"\[", r"\]", True), (r"\(", r"\)", False))
_BLOCK = re.compile(r"\$\$|\\\[|\\begin\{([a-zA-Z]+\*?)\}")


@dataclass(frozen=True, slots=True)
class Found:
    """A formula in a text: where it ends, what is between its signs, and whether it stands on a line of its own."""

    end: int
    latex: str
    display: bool


def math_plugin(parser: MarkdownIt) -> None:
    """Add the rules. Their tokens, ``formula``, have the LaTeX as content, none if it is not closed, and the source as
    markup.
    """
    parser.inline.ruler.before("escape", "formula", _inline)
    parser.block.ruler.before("fence", "formula", _block, {"alt": ["paragraph", "reference", "blockquote", "list"]})


def formula_at(text: str, start: int, end: int) -> Found | None:
    """Return the formula that begins at ``start`` and ends before ``end``, if there is one."""
    for opened, closed, display in _PAIRS:
        if text.startswith(opened, start):
            at = _close(text, closed, start + len(opened), end)
            latex = text[start + len(opened) : at] if at >= 0 else ""
            if latex.strip() and (opened != "$" or _is_no_price(text, latex, at)):
                return Found(at + len(closed), latex, display)
            return None
    return None


def _close(text: str, closed: str, start: int, end: int) -> int:
    """Return where a formula closes, -1 if it does not; a backslash takes the meaning of the sign after it."""
    position = start
    while position < end:
        if text.startswith(closed, position):
            return position if position + len(closed) <= end else -1
        position += 2 if text[position] == "\\" else 1
    return -1


def _is_no_price(text: str, latex: str, close: int) -> bool:
    return not latex[0].isspace() and not latex[-1].isspace() and not text[close + 1 : close + 2].isdigit()


def _inline(state: StateInline, silent: bool) -> bool:
    found = formula_at(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content = found.latex
        token.markup = state.src[state.pos : found.end]
        token.meta = {"display": found.display}
    state.pos = found.end
    return True


def _block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    opened = None if state.is_code_block(start_line) else _BLOCK.match(_line(state, start_line))
    if opened is None:
        return False
    after = start_line + 1
    while after < end_line and not state.isEmpty(after) and state.sCount[after] >= state.blkIndent:
        after += 1
    run = state.getLines(start_line, after, state.blkIndent, False).lstrip()
    found = _environment(run, opened[1]) if opened[1] else formula_at(run, 0, len(run))
    if found:
        rest = run[found.end :].partition("\n")
        if rest[0].strip():
            return False  # a paragraph that begins with a formula
        after -= len(rest[2].splitlines())
    if not silent:
        token = state.push("formula", "", 0)
        token.block = True
        token.content, token.markup = (found.latex, run[: found.end]) if found else ("", run)
        token.map = [start_line, after]
        token.meta = {"display": True}
    state.line = after
    return True


def _line(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def _environment(run: str, name: str) -> Found | None:
    closing = rf"\end{{{name}}}"
    at = run.find(closing)
    return Found(at + len(closing), run[: at + len(closing)], True) if at >= 0 else None
