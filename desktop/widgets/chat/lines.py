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
class Formula:
    """LaTeX without its signs. ``display`` is the larger form that stands on a line of its own."""

    latex: str
    display: bool


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text. That of a ``formula`` is its source, which stands in until it is drawn."""

    text: str
    style: Style = PLAIN
    formula: Formula | None = None


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
    """A paragraph, a heading of a ``level``, a formula, a line of code or its label, a rule, or a table's row (its head
    has level 1).

    ``indent`` is the depth of lists inside the innermost box; ``marker`` is the bullet or number of an item's first
    line. Only rows have ``cells``, and they have no ``spans``.
    """

    role: Literal["paragraph", "heading", "formula", "code", "label", "rule", "row"]
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
        last = merged[-1] if merged else None
        if last and last.style == span.style and not last.formula and not span.formula:
            merged[-1] = Span(last.text + span.text, span.style)
        elif span.text:
            merged.append(span)
    return tuple(merged)
