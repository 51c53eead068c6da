"""The system's trash: what goes there can come back.

Putting there is Send2Trash's work. It does not say where a thing went, so that it can be brought back from here only
where the trash is a folder by freedesktop.org's Trash specification 1.0; elsewhere the system does it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from engine.errors import Refused

FOR_GOOD = "Delete it for good instead, or move it by hand."


@dataclass(frozen=True, slots=True)
class Trashed:
    """What went to the trash: where it was, and where it is now (``None`` where the system does not tell)."""

    was: Path
    now: Path | None = None
    info: Path | None = None


def why_no_trash(path: Path) -> str:
    """Say why something cannot go to the trash without being copied to another disk; empty if it can."""
    if sys.platform == "win32":
        return _why_no_recycle_bin(path)
    if sys.platform == "darwin":
        return ""  # each volume has one; where it has not, putting there says so
    try:
        if path.lstat().st_dev == Path("~").expanduser().stat().st_dev:
            return ""
        top = _mount_point(path)
        own = top / f".Trash-{os.getuid()}"
        if os.access(own if own.is_dir() else top, os.W_OK) or (top / ".Trash").is_dir():
            return ""
    except (OSError, RuntimeError) as error:
        return f"The trash cannot be looked at: {error}."
    return f"The disk at {top} has no trash."


def put(path: Path) -> Trashed:
    """Put a file or folder into the trash. Raises :class:`Refused` where that is not possible."""
    from send2trash import send2trash

    try:
        send2trash(str(path))
    except OSError as error:
        raise Refused(f"{path} cannot go to the trash: {error.strerror or error}.", FOR_GOOD) from error
    return next(_looked_up(path), Trashed(path)) if sys.platform == "linux" else Trashed(path)


def can_restore(trashed: Sequence[Trashed]) -> bool:
    """Tell whether all of it can be brought back from here."""
    return bool(trashed) and all(item.now is not None and item.now.exists() for item in trashed)


def restore(trashed: Sequence[Trashed]) -> None:
    """Put things back where they were. Raises :class:`Refused` if something else is there now."""
    for item in trashed:
        if item.was.exists():
            raise Refused(f"{item.was} is there again.", "What was deleted stays in the trash.")
    for item in trashed:
        if item.now is None:
            raise Refused(f"{item.was} is in the system's trash.", "Open the trash and put it back from there.")
        item.was.parent.mkdir(parents=True, exist_ok=True)
        try:
            item.now.rename(item.was)
        except OSError as error:
            raise Refused(
                f"{item.was} cannot be put back: {error.strerror or error}.", "It is in the trash."
            ) from error
        if item.info:
            item.info.unlink(missing_ok=True)


def _looked_up(path: Path) -> Iterator[Trashed]:
    """Find what just went to the trash, the newest first."""
    from send2trash.plat_other import HOMETRASH

    try:
        top = _mount_point(path.parent)
    except OSError:
        top = Path("/")
    trashes = ((Path(HOMETRASH), Path("/")), (top / ".Trash" / str(os.getuid()), top))
    for trash, root in (*trashes, (top / f".Trash-{os.getuid()}", top)):
        infos = sorted(trash.glob("info/*.trashinfo"), key=lambda info: info.stat().st_mtime, reverse=True)
        for info in infos:
            now = trash / "files" / info.name.removesuffix(".trashinfo")
            if now.exists() and _came_from(info, root) == path.absolute():
                yield Trashed(path, now, info)


def _came_from(info: Path, root: Path) -> Path | None:
    """Return where a thing in the trash was; paths are absolute, or below the volume (or the home's data folder)."""
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(info.read_text("utf-8"))
        path = Path(unquote(parser["Trash Info"]["Path"]))
    except (OSError, ValueError, KeyError, Error):
        return None
    if path.is_absolute():
        return path
    below = info.parents[2] if root == Path("/") else root
    return below / path


def _mount_point(path: Path) -> Path:
    path = path.resolve()
    while not path.is_mount():
        path = path.parent
    return path


def _why_no_recycle_bin(path: Path) -> str:
    import ctypes

    drive = path.absolute().drive + "\\"
    fixed = 3  # GetDriveTypeW: DRIVE_FIXED
    if ctypes.windll.kernel32.GetDriveTypeW(drive) != fixed:  # type: ignore[attr-defined]
        return f"The drive {drive} has no recycle bin."
    return ""
