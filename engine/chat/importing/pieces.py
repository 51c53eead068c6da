"""Parse a large JSON text conversation by conversation, so that other threads run in between.

One call of ``json.loads`` for an export of some hundred megabytes would hold the interpreter, and with it the window,
for seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_BLANK = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class Pieces:
    """The records of a text: the items of a list, or of the list ``conversations`` of an object, or one object.

    Iterate for how far it is, in characters; ``records`` then has them, and ``head`` what else the object has.
    Raises ``ValueError`` for what is no JSON, ``RecursionError`` for what is too deep.
    """

    def __init__(self, text: str) -> None:
        self.records: list[Any] = []
        self.head: dict[str, Any] = {}
        self.listed = False  # whether there was a list of records
        self._text = text
        self._at = 0

    def __iter__(self) -> Iterator[int]:
        if self._next() == "[":
            yield from self._items()
        elif self._next() == "{":
            yield from self._members()
        else:
            self.records.append(self._value())
        if self._next():
            raise json.JSONDecodeError("Extra data", self._text, self._at)

    def _items(self) -> Iterator[int]:
        self.listed = True
        self._take("[")
        while self._next() != "]":
            if self.records:
                self._take(",")
            self.records.append(self._value())
            yield self._at
        self._take("]")

    def _members(self) -> Iterator[int]:
        first = True
        self._take("{")
        while self._next() != "}":
            if not first:
                self._take(",")
            first, name = False, self._value()
            if not isinstance(name, str):
                raise json.JSONDecodeError("Expecting a name", self._text, self._at)
            self._take(":")
            if name == "conversations" and self._next() == "[":
                yield from self._items()
            else:
                self.head[name] = self._value()
        self._take("}")
        if not self.listed:
            self.records.append(self.head)

    def _next(self) -> str:
        """Return the next character that is not blank, without passing it; empty at the end."""
        blank = _BLANK.match(self._text, self._at)
        assert blank is not None
        self._at = blank.end()
        return self._text[self._at : self._at + 1]

    def _take(self, sign: str) -> None:
        if self._next() != sign:
            raise json.JSONDecodeError(f"Expecting {sign!r}", self._text, self._at)
        self._at += 1

    def _value(self) -> Any:
        self._next()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        return value
