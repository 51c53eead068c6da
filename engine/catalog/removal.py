"""Deleting a model: what goes, what stays because something else needs it, and how much room comes back."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.catalog import records, trash
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.notes import Notes
from engine.catalog.trash import Trashed
from engine.errors import Cancelled, EngineError, Refused
from engine.events import Event, Finished, Progress


@dataclass(frozen=True, slots=True)
class Staying:
    """A file that is not deleted along, and why, in a sentence."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class Removal:
    """The plan of a deletion: nothing is touched yet. ``notes`` are sentences the person should read before."""

    checkpoint: Checkpoint
    folder: Path
    going: tuple[Path, ...]
    staying: tuple[Staying, ...]
    freed_bytes: int
    notes: tuple[str, ...] = ()
    why_no_trash: str = ""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted; ``trashed`` is empty where it is gone for good."""

    checkpoint: Checkpoint
    freed_bytes: int
    trashed: tuple[Trashed, ...] = ()

    @property
    def can_undo(self) -> bool:
        return trash.can_restore(self.trashed)


def plan_removal(checkpoint: Checkpoint, folder: Path, entries: Iterable[Checkpoint]) -> Removal:
    """Plan to delete a model of the library in ``folder``, beside its other ``entries``.

    Raises :class:`Refused` for what belongs to another app or lies elsewhere.
    """
    path = checkpoint.path
    if folder.absolute() not in path.absolute().parents:
        owner = checkpoint.owners[0] if checkpoint.owners else ""
        hint = f"Delete it in {owner}." if owner else "Delete it by hand if you mean it."
        raise Refused(f"{path} is not in the library, so Halfbyte does not delete it.", hint)
    others = [entry for entry in entries if entry.path != path and entry.path.is_relative_to(folder)]
    going, staying = _sorted_out(checkpoint, others)
    freed_bytes, notes = _freed(going)
    notes += [f"{entry.title} was made from it and stays." for entry in others if _made_from(entry, path)]
    why = next(filter(None, map(trash.why_no_trash, going)), "")
    return Removal(checkpoint, folder, tuple(going), tuple(staying), freed_bytes, tuple(notes), why)


class Removing:
    """The job that carries a plan out, to the trash or ``for_good``. Ends with :class:`Removed`.

    Raises :class:`Refused` if a file cannot go; what went to the trash before that is put back.
    """

    def __init__(self, plan: Removal, *, for_good: bool = False) -> None:
        self._plan = plan
        self._for_good = for_good
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        plan, trashed = self._plan, list[Trashed]()
        items = plan.going if self._for_good else _wholes(plan.going, plan.folder)
        try:
            for number, path in enumerate(items):
                if self._stop.is_set():
                    raise Cancelled(f"Deleting {plan.checkpoint.title}")
                yield Progress("delete", number, len(items), "files")
                if self._for_good:
                    _unlink(path)
                elif path.exists() or path.is_symlink():
                    trashed.append(trash.put(path))
        except EngineError:
            with contextlib.suppress(EngineError):
                trash.restore(trashed)
            raise
        _remove_empty(plan.going, plan.folder)
        Notes().note_removed(plan.checkpoint.path)
        yield Finished(Removed(plan.checkpoint, plan.freed_bytes, tuple(trashed)))


def remove_for_good(checkpoint: Checkpoint, folder: Path, entries: Iterable[Checkpoint]) -> None:
    """Delete a model at once, without the trash. Raises :class:`Refused` as :func:`plan_removal` does."""
    for _event in Removing(plan_removal(checkpoint, folder, entries), for_good=True):
        pass


def restoring(removed: Removed) -> Path:
    """Bring a model back from the trash and return where it is. Raises :class:`Refused`."""
    trash.restore(removed.trashed)
    Notes().note_removed(removed.checkpoint.path, False)
    return removed.checkpoint.path


def _sorted_out(checkpoint: Checkpoint, others: Sequence[Checkpoint]) -> tuple[list[Path], list[Staying]]:
    if checkpoint.path.is_dir():
        return _of_folder(checkpoint.path, others)
    going = [extra for file in checkpoint.files for extra in (file, *_beside(file)) if _is_there(extra)]
    staying = []
    for companion in checkpoint.companions:
        user = next((entry for entry in others if companion in entry.companions), None)
        if user is None:
            going.append(companion)
        else:
            staying.append(Staying(companion, f"{companion.name} stays: {user.title} uses it as well."))
    return going, staying


def _of_folder(folder: Path, others: Sequence[Checkpoint]) -> tuple[list[Path], list[Staying]]:
    owned: dict[Path, Checkpoint] = {}
    for entry in others:
        for file in entry.files:
            for kept in (file, *_beside(file), *entry.companions):
                owned[kept] = entry
    inside = [entry.path for entry in others if entry.path.is_dir() and folder in entry.path.parents]
    going, staying = [], []
    for file in sorted(folder.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        if any(other in file.parents for other in inside):
            continue
        if file not in owned:
            going.append(file)
        elif file in owned[file].files:
            staying.append(Staying(file, f"{file.name} stays: it is the model {owned[file].title}."))
    return going, staying


def _beside(file: Path) -> tuple[Path, Path]:
    """Return the record and the card that may lie beside a model's file."""
    return records.record_path(file), file.with_name(file.name + ".md")


def _freed(going: Sequence[Path]) -> tuple[int, list[str]]:
    """Return the bytes that come back, and what is said of files that have other names as well."""
    freed_bytes, notes = 0, []
    for path in going:
        try:
            found = path.lstat()
        except OSError:
            continue
        if path.is_symlink():
            notes.append(f"{path.name} is a link: only the link goes, {path.readlink()} stays.")
        elif found.st_nlink > 1:
            notes.append(f"{path.name} has another name on this disk, so its room does not come back.")
        else:
            freed_bytes += found.st_size
    return freed_bytes, notes


def _made_from(entry: Checkpoint, path: Path) -> bool:
    source = entry.record.get("source")
    return isinstance(source, dict) and source.get("path") in (str(path), path.as_posix())


def _wholes(going: Sequence[Path], library: Path) -> list[Path]:
    """Return whole folders in place of their files where all of them go: one thing in the trash, not twenty."""
    gone = set(going)
    wholes: dict[Path, None] = {}
    for path in going:
        folder = path.parent
        whole = path
        while folder != library and library in folder.parents and folder.parent != library and _all_in(folder, gone):
            whole, folder = folder, folder.parent
        wholes[whole] = None
    return list(wholes)


def _all_in(folder: Path, gone: set[Path]) -> bool:
    return all(path in gone for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # Windows deletes no file that is open
        hint = "Stop the chat that uses it, then try again."
        raise Refused(f"{path} cannot be deleted: {error.strerror or error}.", hint) from error


def _remove_empty(paths: Iterable[Path], root: Path) -> None:
    for folder in sorted({path.parent for path in paths}, key=lambda folder: -len(folder.parts)):
        here = folder
        while root in here.parents:
            with contextlib.suppress(OSError):
                if here.is_dir():
                    here.rmdir()
            here = here.parent


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()
