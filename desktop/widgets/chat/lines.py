"""An answer as a flat list of lines, each with the boxes that it stands in. Values only; nothing here draws.

Flat, because a streamed answer changes only at its end: two lists are compared line by line, and what they begin with
in common stays on the screen untouched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Ink = Literal["", "keyword", "name", "builtin", "string", "comment", "number", "inserted", "deleted"]
LINE_BREAK = "\u2028"  # Qt's break inside a paragraph


@dataclass(frozen=True, slots=True)
class Style:
    """How a stretch of text is written. ``ink`` is the role of a token of code; ``link`` an address, or empty."""

    bold: bool = False
    italic: bool = False
    strike: bool = False
    code: bool = False
    raised: bool = False
    link: str = ""
    ink: Ink = ""


PLAIN = Style()


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    style: Style = PLAIN


Spans = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A quote, a block of code or a table. ``number`` is the index of its first line, which tells it from others.

    ``indent`` is the depth of lists that it stands in. ``language`` is what a block of code calls itself,
    ``aligns`` has a table's columns: ``left``, ``center`` or ``right``.
    """

    kind: Literal["quote", "code", "table"]
    number: int
    indent: int = 0
    language: str = ""
    aligns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, a heading of a ``level``, a line of code or its label, a rule, or a table's row (head: level 1).

    ``indent`` is the depth of lists inside the innermost box; ``marker`` is the bullet or number of an item's first
    line. Only rows have ``cells``, and they have no ``spans``.
    """

    role: Literal["paragraph", "heading", "code", "label", "rule", "row"]
    spans: Spans = ()
    boxes: tuple[Box, ...] = ()
    level: int = 0
    indent: int = 0
    marker: str = ""
    cells: tuple[Spans, ...] = ()

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)


def joined(spans: Iterable[Span]) -> Spans:
    """Return the spans with neighbours of the same style made one, and empty ones left out."""
    merged: list[Span] = []
    for span in spans:
        if merged and merged[-1].style == span.style:
            merged[-1] = Span(merged[-1].text + span.text, span.style)
        elif span.text:
            merged.append(span)
    return tuple(merged)
