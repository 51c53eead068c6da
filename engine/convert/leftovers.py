"""The names of files that are not finished, their adoption by who goes on with them, and the removal of the others.

Such names end in ``.part``, which the library never lists, and carry the number of the process that owns them. One that
is killed cleans nothing up. What it left is told by a key of what it was to become: the next conversion that wants
just that renames it to its own number, which only one can succeed in, and goes on. The rest is removed: at once where
nobody could go on with it, after a week where nobody has.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from engine.paths import file_sizes

KEPT_S = 7 * 86_400.0
JOURNAL = ".journal.part"
_NAME = re.compile(r"^converting-(?P<process>\d+)-(?P<key>[0-9a-f]{8}(?:[0-9a-f]{8})?)(?:\.journal)?\.part$")
_RESUMABLE = 16  # length of a key that tells what a file is to become


def unfinished(folder: Path, key: str = "") -> Path:
    """Return a name for a file that this process will write in ``folder``: a new one, or the one of a key."""
    return folder / f"converting-{os.getpid()}-{key or secrets.token_hex(4)}.part"


def journal_of(file: Path) -> Path:
    """Return where the journal of an unfinished file lies."""
    return file.with_name(file.name.removesuffix(".part") + JOURNAL)


def adopted(folder: Path, key: str) -> Path:
    """Return the name of an unfinished file of this process; what a dead one left of the same key is taken over."""
    own = unfinished(folder, key)
    for path, process, found in _unfinished_in(folder):
        if found == key and path.name.endswith(JOURNAL) and process != os.getpid() and not _is_in_use(path, process):
            file = path.with_name(path.name.removesuffix(JOURNAL) + ".part")
            with contextlib.suppress(OSError):  # another one was quicker
                file.rename(own)
                path.rename(journal_of(own))
    return own


def adopted_folder(parent: Path, key: str) -> Path:
    """Return the name of an unfinished folder of this process; what a dead one left of the same key is taken over."""
    own = unfinished(parent, key)
    for path, process, found in _unfinished_in(parent):
        if found == key and path.is_dir() and process != os.getpid() and not _is_in_use(path, process):
            with contextlib.suppress(OSError):  # another one was quicker
                path.rename(own)
    return own


def left_bytes(folder: Path) -> int:
    """Return what dead processes left unfinished in a folder: the next conversion goes on with it or removes it."""
    left = (path for path, process, _ in _unfinished_in(folder) if not _is_in_use(path, process))
    return sum(sum(file_sizes(path)) if path.is_dir() else path.stat().st_size for path in left)


def remove_leftovers(folder: Path) -> None:
    """Remove what nobody can or will go on with. What cannot be removed now is left to the next time."""
    for path, process, key in _unfinished_in(folder):
        with contextlib.suppress(OSError):
            alive = _is_in_use(path, process)
            recent = time.time() - path.stat().st_mtime < KEPT_S
            resumable = len(key) == _RESUMABLE and recent and _is_told_how_far(path)
            if not alive and not resumable:
                remove(path)


def _is_told_how_far(path: Path) -> bool:
    """Tell whether what lies there says itself how far it is: a file without its journal has only begun."""
    return path.is_dir() or path.name.endswith(JOURNAL) or journal_of(path).exists()


def remove(path: Path) -> None:
    """Remove an unfinished file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _unfinished_in(folder: Path) -> Iterator[tuple[Path, int, str]]:
    with contextlib.suppress(OSError):
        for path in list(folder.iterdir()):
            if match := _NAME.match(path.name):
                yield path, int(match["process"]), match["key"]


def _is_in_use(path: Path, process: int) -> bool:
    """Tell whether the process that writes a file still runs; one that began after its last change is another."""
    try:
        return psutil.Process(process).create_time() <= path.stat().st_mtime + 1
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
    except psutil.AccessDenied:
        return True
