"""Between rows and values."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.chat.conversation import LeftOut, Message, Origin
from engine.chat.history.tree import Node, Tree
from engine.errors import NotFound
from engine.measure.votes import Side, Vote
from engine.runtime.results import Usage

TitledBy = Literal["", "words", "model", "person"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation without its messages, as a list shows it. Times are Unix times.

    ``titled_by``: nobody yet, its first words, a model, or the person, whose title nothing replaces by itself.
    ``options`` are the person's choices for this conversation, JSON values: ``when_full``, a model, a draft.
    """

    id: int
    title: str = ""
    titled_by: TitledBy = ""
    system_prompt: str = ""
    folder: str = ""
    pinned: bool = False
    archived: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    created_s: float = 0.0
    changed_s: float = 0.0
    deleted_s: float | None = None


_ENTRY = ", ".join(item.name for item in dataclasses.fields(Entry))
_NODE = "messages.id, parent_id, shown, created_s, role, content, thinking, thinking_s, ending, usage, left_out, record"


def entries(connection: sqlite3.Connection, where: str = "TRUE", *values: Any) -> list[Entry]:
    """Return entries, pinned ones first, then the latest changed first; ``where`` is SQL of ours."""
    rows = connection.execute(
        f"SELECT {_ENTRY} FROM conversations WHERE {where} ORDER BY pinned DESC, changed_s DESC, id DESC", values
    )
    return [_entry(row) for row in rows]


def _entry(row: tuple[Any, ...]) -> Entry:
    number, title, by, system_prompt, folder, pinned, archived, options, created_s, changed_s, deleted_s = row
    chosen = {} if options == "{}" else json.loads(options)  # a list has thousands of rows
    flags = bool(pinned), bool(archived)
    return Entry(number, title, by, system_prompt, folder, *flags, chosen, created_s, changed_s, deleted_s)


def add_entry(connection: sqlite3.Connection, entry: Entry) -> None:
    values = {**dataclasses.asdict(entry), "options": dump(entry.options)}
    marks = ", ".join(f":{name}" for name in values)
    connection.execute(f"INSERT INTO conversations ({_ENTRY}) VALUES ({marks})", values)


def tree(connection: sqlite3.Connection, conversation_id: int) -> Tree:
    """Read a conversation with all its branches. Raises :class:`NotFound`."""
    found = connection.execute("SELECT system_prompt FROM conversations WHERE id = ?", [conversation_id]).fetchone()
    if found is None:
        raise NotFound(f"Conversation {conversation_id}", hint="It may have been deleted.")
    rows = connection.execute(
        f"SELECT {_NODE} FROM messages LEFT JOIN origins ON origins.id = origin_id "
        "WHERE conversation_id = ? ORDER BY messages.id",
        [conversation_id],
    ).fetchall()
    grown = {row[0]: joined(connection, row[0]) for row in _growing(connection, conversation_id)}
    origins: dict[str | None, Origin | None] = {None: None}
    nodes = tuple(_node(row, origins) for row in rows)
    if grown:
        nodes = tuple(dataclasses.replace(node, message=_grown(node.message, grown.get(node.id))) for node in nodes)
    return Tree(conversation_id, found[0], nodes)


def _growing(connection: sqlite3.Connection, conversation_id: int) -> list[tuple[int]]:
    return connection.execute(
        "SELECT DISTINCT message_id FROM pieces JOIN messages ON messages.id = message_id WHERE conversation_id = ?",
        [conversation_id],
    ).fetchall()


def joined(connection: sqlite3.Connection, message_id: int) -> tuple[str, str, float | None]:
    """Return what the journal holds of a message: content, thinking, and the seconds of thinking."""
    rows = connection.execute(
        "SELECT content, thinking, thinking_s FROM pieces WHERE message_id = ? ORDER BY number", [message_id]
    ).fetchall()
    seconds = [row[2] for row in rows if row[2] is not None]
    return "".join(row[0] for row in rows), "".join(row[1] for row in rows), max(seconds, default=None)


def _grown(message: Message, more: tuple[str, str, float | None] | None) -> Message:
    if more is None:
        return message
    content, thinking, thinking_s = more
    return dataclasses.replace(
        message,
        content=message.content + content,
        thinking=message.thinking + thinking,
        thinking_s=message.thinking_s if thinking_s is None else thinking_s,
    )


def _node(row: tuple[Any, ...], origins: dict[str | None, Origin | None]) -> Node:
    node_id, parent_id, shown, created_s, role, content, thinking, thinking_s, ending, usage, left_out, origin = row
    if origin not in origins:
        origins[origin] = Origin(**json.loads(origin))
    message = Message(
        role,
        content,
        thinking,
        ending,
        Usage(**json.loads(usage)) if usage else None,
        thinking_s,
        origins[origin],
        LeftOut(**json.loads(left_out)) if left_out else None,
    )
    return Node(node_id, parent_id, message, created_s, bool(shown))


def add_node(connection: sqlite3.Connection, conversation_id: int, node: Node) -> None:
    """Add a message; if it is shown, its siblings no longer are."""
    if node.shown:
        connection.execute(
            "UPDATE messages SET shown = 0 WHERE shown AND conversation_id = ? AND parent_id IS ?",
            [conversation_id, node.parent_id],
        )
    place = [node.id, conversation_id, node.parent_id, node.shown, node.created_s]
    names = "id, conversation_id, parent_id, shown, created_s, role, " + ", ".join(_MESSAGE)
    values = [*place, node.message.role, *message_values(connection, node.message)]
    connection.execute(f"INSERT INTO messages ({names}) VALUES ({', '.join('?' * len(values))})", values)


def set_message(connection: sqlite3.Connection, node_id: int, message: Message) -> None:
    """Put another message in a place, and end its journal."""
    names = ", ".join(f"{name} = ?" for name in _MESSAGE)
    connection.execute(f"UPDATE messages SET {names} WHERE id = ?", [*message_values(connection, message), node_id])
    connection.execute("DELETE FROM pieces WHERE message_id = ?", [node_id])


_MESSAGE = ("content", "thinking", "thinking_s", "ending", "usage", "left_out", "origin_id")


def message_values(connection: sqlite3.Connection, message: Message) -> list[Any]:
    """Return a message's columns but its role, in the order of ``_MESSAGE``."""
    return [
        storable(message.content),
        storable(message.thinking),
        message.thinking_s,
        message.ending,
        dump(dataclasses.asdict(message.usage)) if message.usage else None,
        dump(dataclasses.asdict(message.left_out)) if message.left_out else None,
        _origin_id(connection, message.origin),
    ]


def _origin_id(connection: sqlite3.Connection, origin: Origin | None) -> int | None:
    if origin is None:
        return None
    record = dump(dataclasses.asdict(origin))
    connection.execute("INSERT OR IGNORE INTO origins (record) VALUES (?)", [record])
    return connection.execute("SELECT id FROM origins WHERE record = ?", [record]).fetchone()[0]


def add_vote(connection: sqlite3.Connection, vote: Vote) -> None:
    connection.execute(
        "INSERT INTO votes (question_id, created_s, blind, verdict, first, second) VALUES (?, ?, ?, ?, ?, ?)",
        [vote.question_id, vote.created_s, vote.blind, vote.verdict, _dump_side(vote.first), _dump_side(vote.second)],
    )


def votes(connection: sqlite3.Connection) -> list[Vote]:
    """Return all votes, oldest first."""
    rows = connection.execute("SELECT first, second, verdict, blind, question_id, created_s FROM votes ORDER BY id")
    return [
        Vote(Side(**json.loads(first)), Side(**json.loads(second)), verdict, bool(blind), question_id, created_s)
        for first, second, verdict, blind, question_id, created_s in rows
    ]


def _dump_side(side: Side) -> str:
    return dump(dataclasses.asdict(side))


def dump(value: Any) -> str:
    """Return JSON in one form for one value."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))


def storable(text: str) -> str:
    """Return text that UTF-8 has: a lone half of a surrogate pair becomes U+FFFD."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text
