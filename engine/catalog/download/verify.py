"""Verifies a model at any time: hashes its files again and compares them with its record."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.hashing import hashing
from engine.errors import DamagedFile, Refused
from engine.events import Event, Finished
from engine.pace import Pace


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what its record says. ``found`` is its SHA-256, empty for one that is not there."""

    path: Path
    expected: str
    found: str = ""

    @property
    def words(self) -> str:
        return f"{self.path.name} has changed" if self.found else f"{self.path.name} is missing"

    @property
    def error(self) -> DamagedFile:
        return DamagedFile(str(self.path), f"SHA-256 {self.expected}", self.found or "no file")


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found: the model is whole if nothing is damaged."""

    checkpoint: Checkpoint
    right: tuple[Path, ...]
    damaged: tuple[Damage, ...] = ()

    @property
    def whole(self) -> bool:
        return not self.damaged


class Verification:
    """A job: ``Progress`` in bytes over all files, then ``Finished(Verified)``. Changes nothing.

    Raises :class:`Refused` for a model whose record has no hashes, :class:`Cancelled`.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        expected = expected_hashes(self._checkpoint)
        if not expected:
            hint = "It was put into the library by hand, so there is nothing to compare it with."
            raise Refused(f"{self._checkpoint.name} has no record of its hashes.", hint)
        present = {path: path.stat().st_size for path in expected if path.is_file()}
        pace, before = Pace("check", sum(present.values())), 0
        right, damaged = [], []
        for path, sha256 in expected.items():
            digest = hashlib.sha256()
            if path in present:
                yield from hashing(path, digest, pace, before, self._stop, f"Verifying {self._checkpoint.title}")
                before += present[path]
            found = digest.hexdigest() if path in present else ""
            if found == sha256:
                right.append(path)
            else:
                damaged.append(Damage(path, sha256, found))
        yield Finished(Verified(self._checkpoint, tuple(right), tuple(damaged)))


def verifying(checkpoint: Checkpoint) -> Verification:
    """Return the job that verifies a model; :func:`engine.catalog.download.repair.repairing` mends what it finds."""
    return Verification(checkpoint)


def expected_hashes(checkpoint: Checkpoint) -> dict[Path, str]:
    """Return the recorded SHA-256 of a model's files; empty where its record has none."""
    files = checkpoint.record.get("files")
    if isinstance(files, Mapping):
        folder = checkpoint.path if checkpoint.path.is_dir() else _root(checkpoint, files)
        return {folder / name: _sha256(entry) for name, entry in files.items()}
    sha256 = checkpoint.record.get("sha256")
    return {checkpoint.path: sha256} if isinstance(sha256, str) else {}


def _root(checkpoint: Checkpoint, files: Mapping[str, Any]) -> Path:
    """Return the folder that the record's names are below: those of a split file may lie in one of their own."""
    posix = checkpoint.path.as_posix()
    entry = next((name for name in files if posix.endswith(f"/{name}")), checkpoint.path.name)
    return checkpoint.path.parents[entry.count("/")]


def _sha256(entry: Any) -> str:
    return str(entry.get("sha256", "")) if isinstance(entry, Mapping) else str(entry)
