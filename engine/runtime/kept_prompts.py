"""Where the KV caches of conversations lie on disk, and how much room they may take. No tensor library here.

``<key>.kv`` is a cache as the back end writes it, ``<key>.json`` beside it says what it belongs to. They only save
time: whoever deletes them loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine import settings
from engine.paths import folders

# A cache is never worth the last of a disk: what stays free of a small one, and of any.
_LEAST_FREE = 0.1
_LEAST_FREE_BYTES = 5 * 1024**3


def file_for(key: str) -> Path:
    """Return the file for a key; a key is a file name without an ending."""
    return folder() / f"{key}.kv"


def folder() -> Path:
    return folders().cache / "prompts"


def sidecar(file: Path) -> Path:
    return file.with_suffix(".json")


def forget(key: str) -> None:
    """Delete what was kept for a key: the conversation was deleted."""
    delete(file_for(key))


def delete(file: Path) -> None:
    for path in (sidecar(file), file):
        with contextlib.suppress(OSError):
            path.unlink()


def touch(file: Path) -> None:
    """Note that a file was of use, so that others are removed before it."""
    with contextlib.suppress(OSError):
        os.utime(file)


def chosen_limit_bytes() -> int:
    """Return how much room the person gives to them, as the settings are now."""
    return int(settings.load()["kept_prompts_gb"] * 1e9)


def make_room(file: Path, needed_bytes: int, limit_bytes: int | None = None) -> bool:
    """Remove what was not used for longest until ``file`` may be written; return false if it is too large.

    Without ``limit_bytes`` the settings say what all may take.
    """
    limit_bytes = chosen_limit_bytes() if limit_bytes is None else limit_bytes
    disk = shutil.disk_usage(file.parent)
    left_bytes = min(disk.total * _LEAST_FREE, _LEAST_FREE_BYTES)
    fits = needed_bytes <= min(limit_bytes, disk.free - left_bytes)
    _remove_oldest(file.parent, limit_bytes - needed_bytes if fits else limit_bytes, file)
    return fits


def trim(limit_bytes: int) -> int:
    """Remove what was not used for longest until all take no more than this; return how many bytes came free."""
    return _remove_oldest(folder(), limit_bytes)


def _remove_oldest(where: Path, limit_bytes: int, but: Path | None = None) -> int:
    """Remove the oldest of a folder until the others take no more than this; ``but`` one, which is not counted."""
    found = [(status.st_mtime, status.st_size, file) for file, status in _statuses(where) if file != but]
    taken = before = sum(size for _, size, _ in found)
    for _, size, file in sorted(found):
        if taken <= limit_bytes:
            break
        taken -= size
        delete(file)
    return before - taken


def _statuses(where: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for file in where.glob("*.kv"):
        with contextlib.suppress(FileNotFoundError):  # another process removed it
            yield file, file.stat()
