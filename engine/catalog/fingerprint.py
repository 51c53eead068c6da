"""Notes the fingerprint of a model that has none, so that it can be verified from then on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from typing import Any

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.entries import folder_files
from engine.catalog.hashing import hashing
from engine.catalog.notes import Notes
from engine.errors import NotFound, Refused
from engine.events import Event, Finished
from engine.pace import Pace


class Fingerprinting:
    """A job: hashes a model's files and ends with their SHA-256 by name.

    They go into the record beside the model, or into Halfbyte's own notes for what belongs to another app. Raises
    :class:`Cancelled`, :class:`NotFound`, and :class:`Refused` where nothing can be written.
    """

    def __init__(self, checkpoint: Checkpoint, notes: Notes | None = None) -> None:
        self._checkpoint = checkpoint
        self._notes = notes or Notes()
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        model = self._checkpoint
        files = folder_files(model.path) or list(model.files)
        try:
            sizes = [file.stat().st_size for file in files]
        except OSError as error:
            raise NotFound(str(model.path), hint="Was it moved or deleted? Refresh the library.") from error
        pace, before, hashes = Pace("read", sum(sizes)), 0, dict[str, dict[str, Any]]()
        for file, size_bytes in zip(files, sizes, strict=True):
            digest = hashlib.sha256()
            yield from hashing(file, digest, pace, before, self._stop, f"Reading {self._checkpoint.title}")
            hashes[file.name] = {"bytes": size_bytes, "sha256": digest.hexdigest()}
            before += size_bytes
        self._keep(hashes)
        yield Finished(hashes)

    def _keep(self, hashes: dict[str, dict[str, Any]]) -> None:
        model = self._checkpoint
        if model.owners:
            kept = self._notes.note_files(model.path, hashes)
        else:
            kept = records.annotate(model.path, {"files": hashes})
        if not kept:
            raise Refused(f"The fingerprint of {model.title} cannot be kept.", "The folder may be read-only.")
