"""SQLite's errors as failures that a person can do something about."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DamagedFile, DiskFull, EngineError, Refused

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_WORLD = {
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_PERM: "it may not be opened",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_BUSY: "another program holds it",
}
_ROOM_BYTES = 16 * 1024**2  # what a store should have to write on


@contextmanager
def explained(file: Path) -> Iterator[None]:
    """Turn SQLite's errors about ``file`` into ``DiskFull``, ``DamagedFile`` or ``Refused``; bugs stay as they are."""
    try:
        yield
    except sqlite3.Error as error:
        known = explain(error, file)
        if known is None:
            raise
        raise known from error


def explain(error: sqlite3.Error, file: Path) -> EngineError | None:
    """Return the failure that an error tells of; ``None`` for a mistake of ours."""
    code = primary_code(error)
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(_ROOM_BYTES, shutil.disk_usage(file.parent).free, str(file.parent))
    if code in _DAMAGE:
        return DamagedFile(str(file), "a whole store of conversations", str(error))
    if code in _WORLD:
        reason = f"The conversations in {file} cannot be used: {_WORLD[code]} ({error})."
        return Refused(reason, "Check the disk and who may write to the folder, then start Halfbyte again.")
    return None


def is_damage(error: sqlite3.Error) -> bool:
    return primary_code(error) in _DAMAGE


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its extension; 0 if Python made the error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
