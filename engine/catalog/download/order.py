"""What the line keeps on the disk: the order, what does not go on by itself and why, and who has the line."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.catalog.download.disk import disk_error
from engine.catalog.download.item import STOPPED, Item, State
from engine.catalog.names import DOWNLOADS
from engine.errors import DiskFull, EngineError, Refused, from_record

ORDER_FILE = "order.json"
LOCK_FILE = "line.lock"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a download stood when the app ended."""

    number: int
    paused: bool
    error: EngineError | None = None

    @property
    def state(self) -> State:
        if not self.paused:
            return State.WAITING
        return State.FAILED if self.error and not isinstance(self.error, DiskFull) else State.PAUSED


NEW_HERE = Place(1 << 30, paused=True)  # begun elsewhere, or the order was lost


class OrderFile:
    """The file ``order.json`` among a library's downloads. It may be lost: then all are paused, the oldest first."""

    def __init__(self, library: Path) -> None:
        self._folder = library / DOWNLOADS
        self._lock: FileLock | None = None

    def claim(self) -> None:
        """Keep others from running the same line. Raises :class:`Refused` while another app has it."""
        lock = FileLock(self._folder / LOCK_FILE, timeout=0, thread_local=False)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout:
            hint = "Use that window, or close it and try again here."
            raise Refused(f"Another Halfbyte has the downloads of {self._folder.parent}.", hint) from None
        except OSError as error:
            raise disk_error(error, self._folder.parent, 0) from error
        self._lock = lock

    def release(self) -> None:
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            Path(self._lock.lock_file).unlink()  # while it is held: whoever waits for it notices
        self._lock.release()
        self._lock = None
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def read(self) -> dict[str, Place]:
        """Return which downloads were in the line, by the id of their plan."""
        try:
            entries = json.loads((self._folder / ORDER_FILE).read_text("utf-8"))
            return {str(entry["id"]): _place(number, entry) for number, entry in enumerate(entries)}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def write(self, items: Iterable[Item]) -> None:
        """Write down what is unfinished. A disk that is full loses the order and nothing else."""
        file = self._folder / ORDER_FILE
        entries = [_entry(item) for item in items if item.state is not State.DONE]
        with contextlib.suppress(OSError):
            if entries:
                _replace(file, json.dumps(entries))
            else:
                file.unlink(missing_ok=True)
                self._folder.rmdir()


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _entry(item: Item) -> dict[str, object]:
    entry: dict[str, object] = {"id": item.plan.id, "paused": item.state in STOPPED}
    return entry | ({"error": item.error.as_record()} if item.error and item.state in STOPPED else {})


def _place(number: int, entry: Mapping[str, object]) -> Place:
    error = entry.get("error")
    return Place(number, bool(entry["paused"]), from_record(error) if isinstance(error, Mapping) else None)
