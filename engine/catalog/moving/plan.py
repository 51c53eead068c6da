"""What a move would do: checked before anything is touched."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.catalog.download.order import LOCK_FILE
from engine.catalog.moving.journal import Begun, Journal
from engine.catalog.names import DOWNLOADS
from engine.errors import DiskFull, NotFound, Refused

SLACK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class MovePlan:
    """``files`` are all files of the library, as paths below it; ``kept`` those that an earlier run has copied.

    ``same_disk``: they are renamed and not copied.
    """

    source: Path
    target: Path
    files: tuple[str, ...]
    size_bytes: int
    copied_bytes: int
    same_disk: bool
    kept: frozenset[str] = frozenset()

    @property
    def left_bytes(self) -> int:
        """What is still to be copied."""
        return 0 if self.same_disk else self.size_bytes - self.copied_bytes


def plan_move(source: Path, target: Path, journal: Journal | None = None) -> MovePlan:
    """Plan to move the library from ``source`` to ``target``, going on with a move that was stopped.

    Raises :class:`NotFound`, :class:`DiskFull`, and :class:`Refused` if the folders hold each other, if the new one has
    other files of the same names, or while something is being fetched.
    """
    source, target = source.absolute(), target.expanduser().absolute()
    if not source.is_dir():
        raise NotFound(str(source), hint="There is no library to move. Choose the new folder in the settings.")
    _require_apart(source, target)
    _require_quiet(source)
    begun = (journal or Journal()).begun()
    begun = begun if begun and (begun.source, begun.target) == (source, target) else None
    files = tuple(library_files(source))
    sizes = {name: (source / name).lstat().st_size for name in files}
    kept = _still_there(begun, target) if begun else frozenset[str]()
    ours = begun.copied if begun else {}
    clash = next((name for name in files if name not in ours and os.path.lexists(target / name)), None)
    if clash:
        raise Refused(f"{target / clash} is there already.", "Choose an empty folder.")
    same_disk = source.stat().st_dev == _nearest(target).stat().st_dev
    done_bytes = sum(sizes.get(name, 0) for name in kept)
    plan = MovePlan(source, target, files, sum(sizes.values()), done_bytes, same_disk, kept)
    free_bytes = shutil.disk_usage(_nearest(target)).free
    if plan.left_bytes and free_bytes < plan.left_bytes + SLACK_BYTES:
        raise DiskFull(plan.left_bytes + SLACK_BYTES, free_bytes, str(target))
    return plan


def library_files(folder: Path) -> list[str]:
    """Return the files below a folder, links among them, as paths below it; no folder is entered through a link."""
    found = []
    for where, folders, names in os.walk(folder):
        linked = [name for name in folders if Path(where, name).is_symlink()]
        found += [Path(where, name).relative_to(folder).as_posix() for name in (*names, *linked)]
    return sorted(name for name in found if not name.endswith((".lock", ".moving")))


def _require_apart(source: Path, target: Path) -> None:
    real_source, real_target = source.resolve(), target.resolve()
    if real_source == real_target:
        raise Refused(f"The library is in {target} already.")
    if real_source in real_target.parents or real_target in real_source.parents:
        raise Refused(f"{target} and {source} hold each other.", "Choose a folder beside the library, not within it.")
    if target.exists() and not target.is_dir():
        raise Refused(f"{target} is a file.", "Choose a folder.")


def _require_quiet(source: Path) -> None:
    """Raise :class:`Refused` while a download has its folder locked."""
    for file in (source / DOWNLOADS).glob("*.lock"):
        if file.name == LOCK_FILE:
            continue  # the line may be held by an app that fetches nothing now; the move claims it when it begins
        lock = FileLock(file, timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            raise Refused("A download is running.", "Pause it, or wait for it, then move the library.") from None
        lock.release()


def _still_there(begun: Begun, target: Path) -> frozenset[str]:
    """Return what an earlier run has copied and nobody has touched on either side since."""
    kept = set()
    for name, copied in begun.copied.items():
        try:
            old, new = (begun.source / name).stat(), (target / name).stat()
        except OSError:
            continue
        if (old.st_size, old.st_mtime_ns) == (copied.size_bytes, copied.changed_ns) and new.st_size == old.st_size:
            kept.add(name)
    return frozenset(kept)


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that is there."""
    while not path.exists():
        path = path.parent
    return path
