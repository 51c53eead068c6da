"""Copies a model that lies elsewhere into the library, checked and with its record."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.disk import disk_error, require_room
from engine.catalog.entries import folder_files
from engine.catalog.library import Library
from engine.errors import Cancelled, DamagedFile, Refused
from engine.events import Event, Finished
from engine.pace import Pace

PUBLISHER = "local"
TELL_BYTES = 8 << 20


class CopyingIn:
    """A job: copies a model's files under temporary names, compares, names them. Ends with the new entry.

    Raises :class:`Refused` if something of the name is there, :class:`DiskFull`, :class:`DamagedFile`,
    :class:`Cancelled`; nothing of a copy that fails is left.
    """

    def __init__(self, checkpoint: Checkpoint, library: Library) -> None:
        self._model = checkpoint
        self._library = library
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        model = self._model
        folder = self._library.place(PUBLISHER, _folder_name(model), "x").parent
        files = {file: folder / _file_name(model, file) for file in folder_files(model.path) or model.files}
        if there := next((target for target in files.values() if target.exists()), None):
            raise Refused(f"{there} is there already.", "Rename it, or delete the one in the library first.")
        size_bytes = sum(file.stat().st_size for file in files)
        made: list[Path] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            require_room(folder, size_bytes)
            hashes = yield from self._copy(files, made, Pace("copy", size_bytes))
            for temporary, target in zip(tuple(made), files.values(), strict=True):
                temporary.replace(target)
                made.remove(temporary)
        except OSError as error:
            raise disk_error(error, folder, size_bytes) from error
        finally:
            for temporary in made:
                temporary.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                folder.rmdir()  # if nothing came of it
        path = folder if model.path.is_dir() else next(iter(files.values()))
        records.write(path, self._record(hashes))
        yield Finished(self._library.entry_at(path))

    def _copy(self, files: dict[Path, Path], made: list[Path], pace: Pace) -> Generator[Event, None, dict[str, Any]]:
        hashes: dict[str, Any] = {}
        done = told = 0
        for file, target in files.items():
            temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
            made.append(temporary)
            digest = hashlib.sha256()
            with temporary.open("wb") as opened:
                for chunk in records.chunks(file):
                    if self._stop.is_set():
                        raise Cancelled(f"Copying {self._model.title}")
                    opened.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    if done - told >= TELL_BYTES:
                        told = done
                        yield pace.at(done)
            found = records.sha256(temporary)
            if found != digest.hexdigest():
                raise DamagedFile(str(temporary), f"SHA-256 {digest.hexdigest()}", found)
            hashes[target.name] = {"bytes": target.with_name(temporary.name).stat().st_size, "sha256": found}
        return hashes

    def _record(self, hashes: dict[str, Any]) -> dict[str, Any]:
        known = self._model.record
        named = known.get("source")
        source = named if isinstance(named, dict) else {}
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        licence = {"licence": known["licence"]} if "licence" in known else {}
        return {"source": {"path": str(self._model.path), **source}, **licence, "files": hashes, "copied": now}


def _folder_name(model: Checkpoint) -> str:
    title = _plain(model.title)
    return title if model.path.is_dir() or title.endswith("-GGUF") else f"{title}-GGUF"


def _file_name(model: Checkpoint, file: Path) -> str:
    """Return a file's name in the library: its own, or for another app's blob what that app calls the model."""
    if file.suffix != ".gguf" and not model.path.is_dir():
        return f"{_plain(model.title)}.gguf"
    return file.name


def _plain(name: str) -> str:
    return "".join("-" if character in '/\\:*?"<>|' else character for character in name).strip(". ") or "model"
