"""Read what can still be read of a damaged store into a whole one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from engine.chat.history.schema import connect, version

_MOST_PROBES = 100_000
_SMALLEST_ROW_BYTES = 16
_KEYS = {
    "conversations": "id",
    "origins": "id",
    "messages": "id",
    "pieces": "message_id",
    "votes": "id",
    "odds": "message_id",
}
_SINCE = {"votes": 2, "odds": 3}  # the version of the tables that has them


def salvage(damaged: Path, whole: sqlite3.Connection) -> int:
    """Add the rows of a damaged file to those of a store; return how many messages were read.

    Where both have a row, the damaged file's is newer.
    """
    whole.execute("PRAGMA foreign_keys = OFF")
    shown: list[int] = []
    count = 0
    with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(connect(damaged, writing=False)) as reading:
        for table, key in _KEYS.items():
            if version(reading) < _SINCE.get(table, 1):
                continue
            columns = [row[1] for row in whole.execute(f"PRAGMA table_info({table})")]
            whole.execute("BEGIN")
            for row in _readable_rows(reading, table, key, columns, damaged.stat().st_size):
                if table == "messages":
                    count += 1
                    row = _hidden(row, columns, shown)
                with contextlib.suppress(sqlite3.IntegrityError):  # damage that SQLite itself did not notice
                    _put(whole, table, columns, row)
            whole.execute("COMMIT")
    _mend(whole, shown)
    whole.execute("PRAGMA foreign_keys = ON")
    return count


def _readable_rows(
    reading: sqlite3.Connection, table: str, key: str, columns: Sequence[str], file_bytes: int
) -> Iterator[tuple[Any, ...]]:
    """Yield rows in the order of their keys; a range that cannot be read is halved until only the bad rows are left."""
    query = f"SELECT {', '.join(columns)} FROM {table} NOT INDEXED WHERE {key} BETWEEN ? AND ? ORDER BY {key}"
    if table == "pieces":
        query = query.replace("NOT INDEXED ", "")
    ranges = [(0, _last_key(reading, table, key) or file_bytes // _SMALLEST_ROW_BYTES)]
    for _ in range(_MOST_PROBES):
        if not ranges:
            return
        low, high = ranges.pop()
        try:
            rows = reading.execute(query, [low, high]).fetchall()
        except sqlite3.DatabaseError:
            if low < high:
                middle = (low + high) // 2
                ranges += [(middle + 1, high), (low, middle)]
        else:
            yield from rows


def _last_key(reading: sqlite3.Connection, table: str, key: str) -> int:
    try:
        return reading.execute(f"SELECT max({key}) FROM {table}").fetchone()[0] or 0
    except sqlite3.DatabaseError:
        return 0


def _hidden(row: tuple[Any, ...], columns: Sequence[str], shown: list[int]) -> tuple[Any, ...]:
    """Note a message that is shown, and return it hidden: another sibling may be shown in the copy."""
    place = columns.index("shown")
    if row[place]:
        shown.append(row[columns.index("id")])
    return (*row[:place], 0, *row[place + 1 :])


def _put(whole: sqlite3.Connection, table: str, columns: Sequence[str], row: tuple[Any, ...]) -> None:
    marks = ", ".join("?" * len(columns))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns)
    conflict = "message_id, number" if table == "pieces" else _KEYS[table]
    whole.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) ON CONFLICT ({conflict}) DO UPDATE SET {changes}",
        row,
    )


def _mend(whole: sqlite3.Connection, shown: Sequence[int]) -> None:
    """Give every message a conversation and a parent, every group of siblings one that is shown, and index all."""
    whole.execute("BEGIN")
    whole.execute(
        "INSERT INTO conversations (id, title, titled_by, created_s, changed_s) "
        "SELECT conversation_id, 'Recovered conversation', 'words', min(created_s), max(created_s) FROM messages "
        "WHERE conversation_id NOT IN (SELECT id FROM conversations) GROUP BY conversation_id"
    )
    for table in ("pieces", "odds"):
        whole.execute(f"DELETE FROM {table} WHERE message_id NOT IN (SELECT id FROM messages)")
    whole.execute("UPDATE messages SET origin_id = NULL WHERE origin_id NOT IN (SELECT id FROM origins)")
    # Siblings of messages whose parent is lost become first messages: hide them until their new group is known.
    whole.execute(
        "UPDATE messages SET parent_id = NULL, shown = 0 WHERE parent_id IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM messages AS parent WHERE parent.id = messages.parent_id "
        "AND parent.conversation_id = messages.conversation_id)"
    )
    for message_id in shown:
        whole.execute(
            "UPDATE messages SET shown = 0 WHERE (conversation_id, ifnull(parent_id, 0)) = "
            "(SELECT conversation_id, ifnull(parent_id, 0) FROM messages WHERE id = ?)",
            [message_id],
        )
        whole.execute("UPDATE messages SET shown = 1 WHERE id = ?", [message_id])
    whole.execute(
        "UPDATE messages SET shown = 1 WHERE id IN (SELECT max(id) FROM messages "
        "GROUP BY conversation_id, ifnull(parent_id, 0) HAVING max(shown) = 0)"
    )
    whole.execute("INSERT INTO message_search (message_search) VALUES ('rebuild')")
    whole.execute("INSERT INTO title_search (title_search) VALUES ('rebuild')")
    whole.execute("COMMIT")
