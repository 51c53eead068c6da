"""The names of files that are not finished, and the removal of those that nobody finishes any more.

A process that is killed cleans nothing up; so the next conversion into the same folder does. Such names end in
``.part``, which the library never lists, and carry the number of the process that owns them.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

import psutil

_NAME = re.compile(r"^converting-(?P<process>\d+)-[0-9a-f]{8}\.part$")


def unfinished(folder: Path) -> Path:
    """Return a new name for a file that this process will write in ``folder``."""
    return folder / f"converting-{os.getpid()}-{secrets.token_hex(4)}.part"


def remove_leftovers(folder: Path) -> None:
    """Remove unfinished files whose process is gone. What cannot be removed now is left to the next time."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            match = _NAME.match(path.name)
            if match and not _is_in_use(path, int(match["process"])):
                path.unlink(missing_ok=True)


def _is_in_use(path: Path, process: int) -> bool:
    """Tell whether the process that writes a file still runs; one that began after its last change is another."""
    try:
        return psutil.Process(process).create_time() <= path.stat().st_mtime + 1
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
    except psutil.AccessDenied:
        return True
