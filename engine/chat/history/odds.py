"""How likely an answer's tokens were, on its way to disk and back: about 40 bytes a token with five alternatives.

Not a part of a message: a conversation is read without it, and it is there for few answers.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from engine.events import Odds

SINCE = 3  # the version of the tables that has them
_DECIMALS = 4  # of a natural logarithm: a hundredth of a percent of a probability


def as_records(odds: Iterable[Odds]) -> list[Any]:
    """Return JSON values, which :meth:`Odds.of` reads."""
    return [
        [one.text, round(one.logprob, _DECIMALS), [[text, round(its, _DECIMALS)] for text, its in one.top]]
        for one in odds
    ]


def of_records(records: Iterable[Sequence[Any]]) -> tuple[Odds, ...]:
    """Raises ``TypeError`` or ``ValueError`` for what is no record of them."""
    return tuple(Odds.of(record) for record in records)


def add(connection: sqlite3.Connection, message_id: int, odds: Sequence[Odds]) -> None:
    """Put those of the tokens that came behind those of the tokens before."""
    if odds:
        record = _packed((*one(connection, message_id), *odds))
        connection.execute("INSERT OR REPLACE INTO odds (message_id, record) VALUES (?, ?)", [message_id, record])


def one(connection: sqlite3.Connection, message_id: int) -> tuple[Odds, ...]:
    """Return those of one message; none where they were not asked for."""
    row = connection.execute("SELECT record FROM odds WHERE message_id = ?", [message_id]).fetchone()
    return _unpacked(row[0]) if row else ()


def every(connection: sqlite3.Connection, conversation_id: int) -> dict[int, tuple[Odds, ...]]:
    """Return those of a conversation's messages, by their ids."""
    rows = connection.execute(
        "SELECT message_id, record FROM odds JOIN messages ON messages.id = message_id WHERE conversation_id = ?",
        [conversation_id],
    )
    return {message_id: _unpacked(record) for message_id, record in rows.fetchall()}


def _packed(odds: Sequence[Odds]) -> bytes:
    text = json.dumps(as_records(odds), separators=(",", ":"))
    return zlib.compress(text.encode(), 9)


def _unpacked(record: bytes) -> tuple[Odds, ...]:
    return of_records(json.loads(zlib.decompress(record)))
