"""Find words in everything that was said, with SQLite's FTS5.

The newest hits come first, in the order that the index has: ranking by relevance would have to look at every hit of
a common word, and people look for what they remember from lately.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from engine.chat.history.schema import GAP, spaced

_MARKDOWN = re.compile(r"\*{2,3}|`+|^#{1,6} +", re.MULTILINE)  # of what stands out, code and headings
_OPEN, _CLOSE = "\x02", "\x03"
_SNIPPET_WORDS = 24
_TERM = re.compile(r'"([^"]*)"?|(\S+)')


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of text around a hit; ``marks`` are the hit's words as (start, end) in ``text``."""

    text: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """Where words were found. ``message_id`` is ``None`` for a title or a system prompt.

    To jump there: open the conversation and show the message's branch, ``tree.showing(message_id)``.
    """

    conversation_id: int
    message_id: int | None
    title: str
    role: Literal["title", "system", "user", "assistant"]
    snippet: Snippet
    created_s: float
    archived: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What was found, as it is written there."""
        return tuple(dict.fromkeys(self.snippet.text[start:end] for start, end in self.snippet.marks))


def search(connection: sqlite3.Connection, text: str, limit: int) -> list[Hit]:
    """Return at most ``limit`` hits in conversations that are not deleted."""
    wanted = query(text)
    if not wanted:
        return []
    hits = list(_titles(connection, wanted, limit))
    return hits + list(_messages(connection, wanted, limit - len(hits)))


def query(text: str) -> str:
    """Return what a person typed as an FTS5 query, "" if there is nothing to look for.

    All words must occur; words in quotation marks next to each other; the last word may go on.
    """
    text = text.replace("\0", " ").encode("utf-8", "replace").decode()
    found = [(quoted, True) if quoted else (word, False) for quoted, word in _TERM.findall(text)]
    terms = [(words, quoted) for words, quoted in found if any(letter.isalnum() for letter in words)]
    phrases = ['"' + spaced(words).replace('"', " ") + '"' for words, _ in terms]
    return " AND ".join(phrases) + (" *" if terms and not terms[-1][1] else "")


def _titles(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[Hit]:
    rows = connection.execute(
        f"""
        SELECT conversations.id, NULL, conversations.title,
               snippet(title_search, -1, ?, ?, '…', {_SNIPPET_WORDS}), changed_s, archived
        FROM title_search JOIN conversations ON conversations.id = title_search.rowid
        WHERE title_search MATCH ? AND deleted_s IS NULL ORDER BY title_search.rowid DESC LIMIT ?
        """,
        [_OPEN, _CLOSE, wanted, limit],
    )
    for row in rows:
        hit = _hit(row, "title")
        yield hit if hit.snippet.text == _MARKDOWN.sub("", hit.title) else _hit(row, "system")


def _messages(connection: sqlite3.Connection, wanted: str, limit: int) -> Iterator[Hit]:
    rows = connection.execute(
        f"""
        SELECT conversation_id, messages.id, title,
               snippet(message_search, -1, ?, ?, '…', {_SNIPPET_WORDS}), messages.created_s, archived, role
        FROM message_search
        CROSS JOIN messages ON messages.id = message_search.rowid
        CROSS JOIN conversations ON conversations.id = conversation_id
        WHERE message_search MATCH ? AND deleted_s IS NULL ORDER BY message_search.rowid DESC LIMIT ?
        """,
        [_OPEN, _CLOSE, wanted, limit],
    )
    for *row, role in rows:
        yield _hit(tuple(row), role)


def _hit(row: tuple[Any, ...], role: Literal["title", "system", "user", "assistant"]) -> Hit:
    conversation_id, message_id, title, marked, created_s, archived = row
    return Hit(conversation_id, message_id, title, role, snippet(marked), created_s, bool(archived))


def snippet(marked: str) -> Snippet:
    """Return a text without the marks that FTS5 set and those of Markdown, and where the former were."""
    pieces: list[str] = []
    marks: list[tuple[int, int]] = []
    length = start = 0
    for piece in re.split(f"([{_OPEN}{_CLOSE}])", marked.replace(GAP, "")):
        if piece == _OPEN:
            start = length
        elif piece == _CLOSE:
            marks.append((start, length))
        else:
            pieces.append(_MARKDOWN.sub("", piece))
            length += len(pieces[-1])
    return Snippet("".join(pieces), tuple(marks))
