"""Room on the disk: asked before the first byte and again while bytes arrive."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

from engine.errors import DiskFull, EngineError, Refused

FULL = (errno.ENOSPC, errno.EDQUOT)
SLACK_BYTES = 4 << 20  # what open blocks have written and nobody has counted yet


def require_room(folder: Path, needed_bytes: int) -> None:
    """Raise :class:`DiskFull` if a folder's disk has less room than is still needed."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise DiskFull(needed_bytes, free_bytes, str(folder))


def disk_error(error: OSError, folder: Path, needed_bytes: int) -> EngineError:
    """Return what a failed write means."""
    if error.errno in FULL:
        return DiskFull(needed_bytes, shutil.disk_usage(folder).free, str(folder))
    return Refused(f"{folder} cannot be written: {error.strerror or error}.", "Choose another folder for the models.")
