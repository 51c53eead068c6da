"""Where the KV caches of conversations lie on disk, and how much room they may take. No tensor library here.

``<key>.kv`` is a cache as the back end writes it, ``<key>.json`` beside it says what it belongs to. They only save
time: whoever deletes them loses nothing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
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
    if needed_bytes > min(limit_bytes, disk.free - left_bytes):
        return False
    others = [(other.stat().st_mtime, other) for other in file.parent.glob("*.kv") if other != file]
    taken = sum(other.stat().st_size for _, other in others)
    for _, other in sorted(others):
        if taken + needed_bytes <= limit_bytes:
            break
        taken -= other.stat().st_size
        delete(other)
    return True
