"""Carries a move out. On the same disk files are renamed; on another they are copied, read again and compared."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.catalog import records
from engine.catalog.download.disk import disk_error
from engine.catalog.download.order import OrderFile
from engine.catalog.moving.journal import COPYING, RENAMING, Copied, Journal
from engine.catalog.moving.plan import MovePlan, library_files, plan_move
from engine.catalog.notes import Notes
from engine.errors import Cancelled, DamagedFile, EngineError, Refused
from engine.events import Event, Finished, Notice, Progress
from engine.pace import Pace

ENDING = ".moving"
TELL_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Moved:
    """The library is in ``target``; ``left`` are files of the old folder that were changed meanwhile and stay there."""

    source: Path
    target: Path
    files: int
    size_bytes: int
    left: tuple[str, ...] = ()


class Moving:
    """The job: ``Progress`` in bytes (those read again count as well), then ``Finished(Moved)``.

    ``switch`` is called with the new folder once all is there, before anything of the old one goes: it keeps the
    setting. :meth:`cancel` before that leaves the old library whole, and what was copied waits for the next try.
    Raises :class:`DamagedFile` if the new disk does not give back what was written, :class:`DiskFull`,
    :class:`Refused` and :class:`Cancelled`.
    """

    def __init__(self, plan: MovePlan, switch: Callable[[Path], None], journal: Journal | None = None) -> None:
        self._plan = plan
        self._switch = switch
        self._journal = journal or Journal()
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        plan, left = self._plan, list[str]()
        downloads = OrderFile(plan.source)
        downloads.claim()  # nobody begins to fetch into the old folder meanwhile
        try:
            if not self._goes_on():
                self._begin()
            plan.target.mkdir(parents=True, exist_ok=True)
            yield from self._rename() if plan.same_disk else self._copy(left)
        except OSError as error:
            raise disk_error(error, plan.target, plan.left_bytes) from error
        finally:
            downloads.release()
        _remove_empty(plan.source)
        if left:
            yield Notice(f"{len(left)} files in {plan.source} were changed meanwhile; they stay there.", "warning")
        Notes().move(plan.source, plan.target)
        self._journal.end()
        yield Finished(Moved(plan.source, plan.target, len(plan.files), plan.size_bytes, tuple(left)))

    def _begin(self) -> None:
        plan = self._plan
        if not self._journal.begin(plan.source, plan.target, RENAMING if plan.same_disk else COPYING):
            raise Refused("The progress of the move cannot be written down.", "See that the app's folder is writable.")

    def _goes_on(self) -> bool:
        begun = self._journal.begun()
        return begun is not None and (begun.source, begun.target) == (self._plan.source, self._plan.target)

    def _rename(self) -> Iterator[Event]:
        """Rename file by file; when one cannot be, or the person stops, those before are named back."""
        plan, done = self._plan, list[str]()
        try:
            for number, name in enumerate(plan.files):
                self._check_stop()
                (plan.target / name).parent.mkdir(parents=True, exist_ok=True)
                _take(plan.source / name, plan.target / name)
                done.append(name)
                if number % 50 == 0:
                    yield Progress("move", number, len(plan.files), "files")
            self._switch(plan.target)
        except BaseException:
            for name in reversed(done):
                (plan.source / name).parent.mkdir(parents=True, exist_ok=True)
                (plan.target / name).rename(plan.source / name)
            _remove_empty(plan.target)
            self._journal.end()
            raise

    def _copy(self, left: list[str]) -> Iterator[Event]:
        plan, begun = self._plan, self._journal.begun()
        copied = {name: entry for name, entry in begun.copied.items() if name in plan.kept} if begun else {}
        yield from self._copy_all(copied)
        self._check_stop()
        self._switch(plan.target)
        self._journal.switch()
        remove_moved(plan.source, plan.target, copied, left)

    def _copy_all(self, copied: dict[str, Copied]) -> Iterator[Event]:
        plan = self._plan
        # What an earlier run copied is there: only what is new, and each byte of it once written and once read.
        pace = Pace("copy and check", 2 * plan.size_bytes, already_done=2 * plan.copied_bytes)
        counter = _Counter(pace, 2 * plan.copied_bytes)
        for name in plan.files:
            self._check_stop()
            source, target = plan.source / name, plan.target / name
            if not os.path.lexists(source):
                continue  # deleted since the plan was made
            if name in copied:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink():
                _copy_link(source, target)
                continue
            before = source.stat()
            sha256 = yield from self._copy_file(source, target, counter)
            copied[name] = Copied(before.st_size, before.st_mtime_ns, sha256)
            self._journal.note(name, copied[name])

    def _copy_file(self, source: Path, target: Path, counter: _Counter) -> Generator[Event, None, str]:
        """Copy under a temporary name, read it again, give it its name; return the SHA-256 through the generator."""
        temporary = target.with_name(target.name + ENDING)
        digest = hashlib.sha256()
        try:
            with temporary.open("wb") as file:
                for chunk in records.chunks(source):
                    self._check_stop()
                    file.write(chunk)
                    digest.update(chunk)
                    yield from counter.add(len(chunk))
                file.flush()
                os.fsync(file.fileno())
            _forget_cached(temporary)
            found = hashlib.sha256()
            for chunk in records.chunks(temporary):
                self._check_stop()
                found.update(chunk)
                yield from counter.add(len(chunk))
            if found.digest() != digest.digest():
                raise DamagedFile(str(temporary), f"SHA-256 {digest.hexdigest()}", found.hexdigest())
            shutil.copystat(source, temporary)
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return digest.hexdigest()

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Cancelled("Moving the library")


def recover(current: Path, switch: Callable[[Path], None], journal: Journal | None = None) -> Moved | None:
    """Finish at the start of the app what a move was killed in, where that takes no copying; ``None`` if it was not.

    ``current`` is the models folder of the settings. A move that was still copying is left for the person to continue
    (:func:`moving` to the same folder) or to give up (:func:`discard_move`): the old library is whole.
    """
    journal = journal or Journal()
    begun = journal.begun()
    if begun is None or (begun.stage == COPYING and current.absolute() != begun.target):
        return None
    left: list[str] = []
    if begun.stage == RENAMING:
        _rename_rest(begun.source, begun.target)
        switch(begun.target)
    else:
        remove_moved(begun.source, begun.target, begun.copied, left)
    _sweep(begun.source)
    Notes().move(begun.source, begun.target)
    journal.end()
    size_bytes = sum(copied.size_bytes for copied in begun.copied.values())
    return Moved(begun.source, begun.target, len(begun.copied), size_bytes, tuple(left))


def _sweep(source: Path) -> None:
    """Remove the lock that the killed move held, and the folders that are empty now."""
    if not source.is_dir():
        return
    downloads = OrderFile(source)
    with contextlib.suppress(EngineError):
        downloads.claim()
        downloads.release()
    _remove_empty(source)


def _rename_rest(source: Path, target: Path) -> None:
    """Rename what is still in the old folder; what cannot be stays there."""
    for name in library_files(source):
        with contextlib.suppress(OSError, Refused):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            _take(source / name, target / name)
    _remove_empty(source)


def remove_moved(source: Path, target: Path, copied: Mapping[str, Copied], left: list[str]) -> None:
    """Remove what is verified in the new place; a file that was changed since it was copied stays and is named."""
    for name in library_files(source):
        old = source / name
        entry = copied.get(name)
        link = old.is_symlink() and os.path.lexists(target / name)
        if link or (entry and _unchanged(old, entry) and os.path.lexists(target / name)):
            with contextlib.suppress(OSError):
                old.unlink()
                continue
        left.append(name)
    _remove_empty(source)


def discard_move(journal: Journal | None = None) -> None:
    """Give a stopped move up: remove what was copied; the old library was whole all the time."""
    journal = journal or Journal()
    begun = journal.begun()
    if begun is None or begun.stage != COPYING:
        return
    for name in begun.copied:
        with contextlib.suppress(OSError):
            if (begun.source / name).exists():
                (begun.target / name).unlink(missing_ok=True)
    _remove_empty(begun.target)
    journal.end()


class _Counter:
    """Counts bytes and tells of them now and then."""

    def __init__(self, pace: Pace, done: int) -> None:
        self._pace = pace
        self._done = self._told = done

    def add(self, count: int) -> Iterator[Progress]:
        self._done += count
        if self._done - self._told >= TELL_BYTES:
            self._told = self._done
            yield self._pace.at(self._done)


def _take(source: Path, target: Path) -> None:
    if os.path.lexists(target):
        raise Refused(f"{target} is there already.", "Choose an empty folder.")
    if source.is_symlink():
        _copy_link(source, target)
        source.unlink()
    else:
        source.rename(target)


def _copy_link(source: Path, target: Path) -> None:
    """Make the same link anew; one that leads out of its folder by a relative path leads to the same place."""
    aim = source.readlink()
    if not aim.is_absolute() and ".." in aim.parts:
        aim = Path(os.path.normpath(source.parent / aim))
    target.unlink(missing_ok=True)
    target.symlink_to(aim, target_is_directory=source.is_dir())


def _unchanged(file: Path, copied: Copied) -> bool:
    try:
        found = file.stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (copied.size_bytes, copied.changed_ns)


def _forget_cached(file: Path) -> None:
    """Ask the system to read the file from the disk next time, and not from memory."""
    if hasattr(os, "posix_fadvise"):
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _remove_empty(folder: Path) -> None:
    for where, _folders, _files in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(where).rmdir()


def moving(source: Path, target: Path, switch: Callable[[Path], None]) -> Moving:
    """Plan a move and return its job. Raises what :func:`plan_move` does."""
    return Moving(plan_move(source, target), switch)
