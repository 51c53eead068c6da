"""What is done before a store is used: check it, rescue it, bring it up to date, and keep a good copy.

Beside ``conversations.sqlite3`` there may lie: ``.good`` (the last copy of a whole store), ``.v1`` (the store before a
migration from version 1), ``.damaged-<time>`` (a damaged store as it was found), ``.part`` (unfinished).
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

from engine.chat.history.faults import is_damage
from engine.chat.history.salvage import salvage
from engine.chat.history.schema import MIGRATIONS, connect, migrate, version
from engine.errors import Refused
from engine.events import Notice

GOOD_COPY_AGE_S = 24 * 3600.0


def prepare(file: Path, migrations: tuple[str, ...] = MIGRATIONS) -> list[Notice]:
    """Make a file ready for writing; return what the person should know. Only who holds the lock may call this.

    Raises :class:`Refused` for a store of a newer version.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    notices = []
    if not is_whole(file):
        notices.append(_rescue(file, migrations))
    _upgrade(file, migrations)
    with contextlib.closing(connect(file, writing=True)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        join_pieces(connection)
        connection.execute("COMMIT")
    return notices


def is_whole(file: Path) -> bool:
    """Tell whether SQLite finds a file in order; one that is not there yet is."""
    if not file.exists():
        return True
    if file.stat().st_size == 0:
        return not good_copy_path(file).exists()
    try:
        with contextlib.closing(connect(file, writing=True)) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return False
        raise


def good_copy_path(file: Path) -> Path:
    return _beside(file, ".good")


def keep_good_copy(file: Path, age_s: float = GOOD_COPY_AGE_S) -> bool:
    """Copy the store, unless the last copy is younger than ``age_s``; writing may go on meanwhile."""
    target = good_copy_path(file)
    if target.exists() and 0 <= time.time() - target.stat().st_mtime < age_s:
        return False
    part = _beside(file, ".good.part")
    _copy(file, part)
    if not is_whole(part):
        part.unlink()
        return False
    part.replace(target)
    return True


def join_pieces(connection: sqlite3.Connection) -> None:
    """Join what the journals hold to their messages: those answers were broken off by the app's death."""
    connection.execute(
        """
        UPDATE messages SET
            content = messages.content || joined.content,
            thinking = messages.thinking || joined.thinking,
            thinking_s = ifnull(joined.thinking_s, messages.thinking_s)
        FROM (
            SELECT message_id, group_concat(content, '') AS content, group_concat(thinking, '') AS thinking,
                   max(thinking_s) AS thinking_s
            FROM (SELECT * FROM pieces ORDER BY message_id, number) GROUP BY message_id
        ) AS joined
        WHERE id = joined.message_id
        """
    )
    connection.execute("DELETE FROM pieces")


def _rescue(file: Path, migrations: tuple[str, ...]) -> Notice:
    """Put a store made of the good copy and of all rows that can still be read in place of a damaged one."""
    kept = _beside(file, time.strftime(".damaged-%Y%m%d-%H%M%S"))
    for suffix in ("", "-wal"):
        if (source := file.with_name(file.name + suffix)).exists():
            shutil.copy2(source, kept.with_name(kept.name + suffix))
    part = _beside(file, ".part")
    _delete(part)
    if good_copy_path(file).exists() and is_whole(good_copy_path(file)):
        _copy(good_copy_path(file), part)
    with contextlib.closing(connect(part, writing=True)) as fresh:
        migrate(fresh, migrations)
        saved = salvage(file, fresh)
        count = fresh.execute("SELECT count(*) FROM messages").fetchone()[0]
        fresh.execute("PRAGMA journal_mode = DELETE")
    _delete(file)
    part.replace(file)
    return Notice(
        f"The file of the conversations was damaged. {count:,} messages were saved, {saved:,} of them from the damaged "
        f"file itself, which is kept as {kept.name}.",
        "warning",
    )


def _upgrade(file: Path, migrations: tuple[str, ...]) -> None:
    with contextlib.closing(connect(file, writing=True)) as connection:
        found = version(connection)
        if found == 0:
            migrate(connection, migrations)
            return
    if found > len(migrations):
        reason = f"The conversations in {file} were last used by a newer Halfbyte."
        raise Refused(reason, "Start the newer version, or move the file away to begin anew.")
    if found == len(migrations):
        return
    part = _beside(file, ".part")
    _delete(part)
    _copy(file, part)
    with contextlib.closing(connect(part, writing=True)) as connection:
        migrate(connection, migrations)
        connection.execute("PRAGMA journal_mode = DELETE")
    old = _beside(file, f".v{found}")
    _copy(file, old)
    _delete(file, but_itself=True)
    part.replace(file)


def _copy(source: Path, target: Path) -> None:
    """Copy a whole store, its log included."""
    _delete(target)
    with (
        contextlib.closing(connect(source, writing=False)) as reading,
        contextlib.closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing)
        writing.execute("PRAGMA journal_mode = DELETE")


def _delete(file: Path, *, but_itself: bool = False) -> None:
    for suffix in ("-wal", "-shm") if but_itself else ("-wal", "-shm", ""):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _beside(file: Path, mark: str) -> Path:
    return file.with_name(f"{file.stem}{mark}{file.suffix}")
