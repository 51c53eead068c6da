"""Markdown to lines. Raw HTML stays text, and an image is a link: nothing is ever fetched to show an answer.

CommonMark with tables, strikethrough, task lists, footnotes and formulas. A single line break is kept, because a model
that writes one means it (in CommonMark it is a space).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from desktop.widgets.chat.lines import LINE_BREAK, PLAIN, Box, Formula, Line, Span, Spans, Style, joined
from engine.chat.math_rules import math_plugin

Highlight = Callable[[str, str], Sequence[Spans]]

BULLETS = ("•", "◦", "▪")
_TASK = re.compile(r"\[([ xX])\] ")
# Characters by which QTextDocument tells blocks and frames apart, and those that stand for objects in its text.
_RESERVED = {ord(character): "\ufffd" for character in "\u2029\ufdd0\ufdd1\ufffc\x00"} | {ord("\r"): " "}
# One character on every platform: half of a surrogate pair cannot be encoded.
_SURROGATES = re.compile("[\ud800-\udfff]")

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).use(footnote_plugin)
_PARSER.use(math_plugin)


@dataclass(frozen=True, slots=True)
class Unit:
    """The last unit of a text, a top-level block or an item of a top-level list: all before it is settled.

    ``start`` is its first line's index in the text, ``ordinal`` the number that an item of a numbered list has.
    ``defines`` tells whether the text holds link references or footnotes, which change what stands elsewhere.
    """

    start: int
    ordinal: int | None
    defines: bool


def plain(code: str, language: str) -> list[Spans]:
    """Return lines of code without colours."""
    return [joined([Span(line, Style(code=True))]) for line in code.split("\n")]


def lines_of(text: str, highlight: Highlight = plain, first: int = 0, ordinal: int | None = None) -> list[Line]:
    """Return the lines of a text that begins at line ``first`` of an answer.

    ``ordinal`` is the number of its first item where it begins in the midst of a numbered list.
    """
    walk = _Walk(highlight, first, ordinal)
    walk.blocks(_PARSER.parse(clean(text)))
    return walk.lines


def last_unit(text: str, ordinal: int | None = None) -> Unit:
    """Return where the last unit begins; ``ordinal`` is as for :func:`lines_of`."""
    env: dict[str, Any] = {}
    tokens = _PARSER.parse(clean(text), env)
    footnotes = env.get("footnotes", {})
    defines = bool(env.get("references") or footnotes.get("refs") or footnotes.get("list"))
    starts = [(token.map[0], index) for index, token in enumerate(tokens) if token.level == 0 and token.map]
    if not starts:
        return Unit(0, None, defines)
    start, index = max(starts)
    if not tokens[index].type.endswith("_list_open"):
        return Unit(start, None, defines)
    items = [token for token in tokens[index:] if token.type == "list_item_open" and token.level == 1]
    number = _first_number(tokens[index], ordinal if index == 0 else None)
    return Unit(_first_line(items[-1]), None if number is None else number + len(items) - 1, defines)


def clean(text: str) -> str:
    """Return the text with line ends made one kind, and what no document can hold replaced."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_RESERVED)
    return _SURROGATES.sub("\ufffd", text)


def _first_line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _first_number(opened: Token, ordinal: int | None = None) -> int | None:
    """Return the number of a list's first item: its own, or the one at which it goes on."""
    if opened.type != "ordered_list_open":
        return None
    return int(opened.attrs.get("start", 1)) if ordinal is None else ordinal


class _Walk:
    """Go through the tokens of blocks; each opening is a method, and ``_closers`` has what its end undoes."""

    def __init__(self, highlight: Highlight, first: int, ordinal: int | None) -> None:
        self.lines: list[Line] = []
        self._highlight = highlight
        self._first = first
        self._ordinal = ordinal
        self._boxes: list[Box] = []
        self._indents = [0]
        self._markers: list[Iterator[str]] = []
        self._marker = ""
        self._heading = 0
        self._is_first = True  # the token of the text's first block

    def blocks(self, tokens: Sequence[Token]) -> None:
        position = 0
        while position < len(tokens):
            token = tokens[position]
            if token.type == "table_open":
                end = next(at for at in range(position, len(tokens)) if tokens[at].type == "table_close")
                self._table(tokens[position:end])
                position = end
            elif method := getattr(self, f"_{token.type}", None):
                method(token)
            self._is_first = False
            position += 1

    def _heading_open(self, token: Token) -> None:
        self._heading = int(token.tag[1])

    def _heading_close(self, token: Token) -> None:
        self._heading = 0

    def _inline(self, token: Token) -> None:
        spans = _spans(token.children or [])
        if self._heading:
            self._add(Line("heading", spans, level=self._heading))
        else:
            self._add(Line("paragraph", self._without_task(spans)))

    def _formula(self, token: Token) -> None:
        if token.content:
            self._add(Line("formula", (_formula(token, PLAIN),)))
        else:  # not closed
            self._add(Line("paragraph", joined([Span(token.markup.replace("\n", LINE_BREAK))])))

    def _hr(self, token: Token) -> None:
        self._add(Line("rule"))

    def _fence(self, token: Token) -> None:
        words = token.info.split()
        self._code(token.content, words[0] if words else "")

    def _code_block(self, token: Token) -> None:
        self._code(token.content, "")

    def _blockquote_open(self, token: Token) -> None:
        self._place_marker()
        self._enter(Box("quote", self._next, self._indents[-1]))

    def _blockquote_close(self, token: Token) -> None:
        self._place_marker()
        self._leave()

    def _bullet_list_open(self, token: Token) -> None:
        self._place_marker()
        bullet = BULLETS[min(self._indents[-1], len(BULLETS) - 1)]
        self._open_list(iter(lambda: bullet, None))

    def _ordered_list_open(self, token: Token) -> None:
        self._place_marker()
        goes_on = self._ordinal if self._is_first else None
        self._open_list(_numbers(_first_number(token, goes_on) or 0))

    def _bullet_list_close(self, token: Token) -> None:
        self._markers.pop()
        self._indents[-1] -= 1

    _ordered_list_close = _bullet_list_close

    def _list_item_open(self, token: Token) -> None:
        self._marker = next(self._markers[-1])

    def _list_item_close(self, token: Token) -> None:
        self._place_marker()

    def _footnote_block_open(self, token: Token) -> None:
        self._add(Line("rule"))
        self._open_list(_numbers(1))

    _footnote_block_close = _bullet_list_close
    _footnote_open = _list_item_open
    _footnote_close = _list_item_close

    def _table(self, tokens: Sequence[Token]) -> None:
        self._place_marker()
        rows = list(_rows(tokens))
        aligns = tuple(_align(token) for token in tokens if token.type == "th_open")
        self._enter(Box("table", self._next, self._indents[-1], aligns=aligns))
        for index, cells in enumerate(rows):
            self._add(Line("row", level=int(index == 0), cells=cells))
        self._leave()

    def _code(self, content: str, language: str) -> None:
        self._place_marker()
        self._enter(Box("code", self._next, self._indents[-1], language))
        self._add(Line("label", joined([Span(language or "code")])))
        if content:
            for spans in self._highlight(content.removesuffix("\n"), language):
                self._add(Line("code", spans))
        self._leave()

    @property
    def _next(self) -> int:
        return self._first + len(self.lines)

    def _add(self, line: Line) -> None:
        line = replace(line, boxes=tuple(self._boxes), indent=self._indents[-1], marker=self._marker)
        self._marker = ""
        self.lines.append(line)

    def _place_marker(self) -> None:
        """Give the marker of an item that begins with no text a line of its own."""
        if self._marker:
            self._add(Line("paragraph"))

    def _enter(self, box: Box) -> None:
        self._boxes.append(box)
        self._indents.append(0)

    def _leave(self) -> None:
        self._boxes.pop()
        self._indents.pop()

    def _open_list(self, markers: Iterator[str]) -> None:
        self._indents[-1] += 1
        self._markers.append(markers)

    def _without_task(self, spans: Spans) -> Spans:
        task = _TASK.match(spans[0].text) if spans and self._marker else None
        if not task:
            return spans
        self._marker = "☐" if task[1] == " " else "☑"
        return joined([replace(spans[0], text=spans[0].text[task.end() :]), *spans[1:]])


def _numbers(first: int) -> Iterator[str]:
    return (f"{number}." for number in itertools.count(first))


def _rows(tokens: Sequence[Token]) -> Iterator[tuple[Spans, ...]]:
    cells: list[Spans] = []
    for token in tokens:
        if token.type == "inline":
            cells.append(_spans(token.children or []))
        elif token.type == "tr_close":
            yield tuple(cells)
            cells = []


def _align(token: Token) -> str:
    return str(token.attrs.get("style", "text-align:left")).removeprefix("text-align:")


def _spans(tokens: Sequence[Token]) -> Spans:
    spans: list[Span] = []
    styles = [PLAIN]
    for token in tokens:
        style = styles[-1]
        if token.nesting > 0:
            styles.append(_opened(token, style))
        elif token.nesting < 0:
            styles.pop()
        elif token.type in ("softbreak", "hardbreak"):
            spans.append(Span(LINE_BREAK, style))
        elif token.type == "code_inline":
            spans.append(Span(token.content, replace(style, code=True)))
        elif token.type == "formula":
            spans.append(_formula(token, style))
        elif token.type == "image":
            address = str(token.attrs.get("src", ""))
            spans.append(Span(token.content or address, replace(style, link=address)))
        elif token.type == "footnote_ref":
            spans.append(Span(f"[{token.meta['id'] + 1}]", replace(style, raised=True)))
        else:
            spans.append(Span(token.content, style))
    return joined(spans)


def _formula(token: Token, style: Style) -> Span:
    source = token.markup.replace("\n", LINE_BREAK)
    return Span(source, style, Formula(token.content.strip(), token.meta["display"]))


def _opened(token: Token, style: Style) -> Style:
    match token.type:
        case "strong_open":
            return replace(style, bold=True)
        case "em_open":
            return replace(style, italic=True)
        case "s_open":
            return replace(style, strike=True)
        case "link_open":
            return replace(style, link=str(token.attrs.get("href", "")))
        case _:
            return style
