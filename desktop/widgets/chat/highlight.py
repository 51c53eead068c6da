"""The colours of code, through Pygments, in pieces: a block that grows is coloured again only in its last piece.

Loading a language's rules takes 5 to 80 ms, so it is never done here: a language is plain until it is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.token import Token, _TokenType

from desktop.widgets.chat.lines import Ink, Span, Spans, Style, joined
from desktop.widgets.chat.markdown import plain

# Pygments takes about 3 µs a character. A piece ends before an unindented line that follows a blank one, where nearly
# every language is at its top level; or anywhere, once it is long.
PIECE = 250
LONGEST_PIECE = 800
_KEPT = 200

INKS: dict[_TokenType, Ink] = {
    Token.Keyword: "keyword",
    Token.Operator.Word: "keyword",
    Token.Name.Tag: "keyword",
    Token.Name.Function: "name",
    Token.Name.Class: "name",
    Token.Name.Namespace: "name",
    Token.Name.Decorator: "name",
    Token.Generic.Heading: "name",
    Token.Generic.Subheading: "name",
    Token.Name.Builtin: "builtin",
    Token.Name.Attribute: "builtin",
    Token.Name.Constant: "builtin",
    Token.Name.Exception: "builtin",
    Token.Keyword.Type: "builtin",
    Token.Keyword.Constant: "number",
    Token.Literal.Number: "number",
    Token.Literal.String: "string",
    Token.Literal.Date: "string",
    Token.Comment: "comment",
    Token.Generic.Deleted: "deleted",
    Token.Generic.Inserted: "inserted",
}


class Highlighter:
    """Call it with code and its language for lines of spans. ``wanted`` are the languages that are yet to be loaded."""

    def __init__(self) -> None:
        self.wanted: set[str] = set()
        self._lexers: dict[str, Lexer | None] = {"": None}
        self._done: dict[tuple[str, str], list[Spans]] = {}

    def __call__(self, code: str, language: str) -> list[Spans]:
        language = language.lower()
        if language not in self._lexers:
            self.wanted.add(language)
        lexer = self._lexers.get(language)
        if lexer is None:
            return plain(code, language)
        lines: list[Spans] = []
        for piece in pieces(code):
            lines += self._piece(piece, language, lexer)
        return lines

    def load(self, language: str) -> str:
        """Load a language's rules; safe in another thread. Return its name; an unknown one stays plain."""
        from pygments.lexers import get_lexer_by_name
        from pygments.util import ClassNotFound

        try:
            lexer: Lexer | None = get_lexer_by_name(language, stripnl=False, ensurenl=False)
            _spans_of("x", lexer)  # compiles its rules
        except ClassNotFound:
            lexer = None
        self._lexers[language] = lexer
        return language

    def _piece(self, piece: str, language: str, lexer: Any) -> list[Spans]:
        key = (language, piece)
        if key not in self._done:
            if len(self._done) >= _KEPT:
                self._done.clear()
            self._done[key] = _spans_of(piece, lexer)
        return self._done[key]


def pieces(code: str) -> Iterator[str]:
    """Yield runs of whole lines, each without its last line end; where one ends depends only on what stands before."""
    run: list[str] = []
    size = 0
    for line in code.split("\n"):
        at_top = bool(run) and not run[-1].strip() and line[:1].strip() != ""
        if (size >= PIECE and at_top) or size >= LONGEST_PIECE:
            yield "\n".join(run)
            run, size = [], 0
        run.append(line)
        size += len(line) + 1
    yield "\n".join(run)


def _spans_of(code: str, lexer: Lexer) -> list[Spans]:
    lines: list[list[Span]] = [[]]
    for kind, text in lexer.get_tokens(code):
        style = Style(code=True, ink=ink_of(kind))
        first, *more = text.split("\n")
        lines[-1].append(Span(first, style))
        lines.extend([Span(part, style)] for part in more)
    return [joined(line) for line in lines]


def ink_of(kind: _TokenType) -> Ink:
    """Return the ink of a token, or of the nearest of its parents that has one."""
    while kind is not Token:
        if kind in INKS:
            return INKS[kind]
        assert kind.parent is not None
        kind = kind.parent
    return ""
