"""What of a file is done, so that a conversion that was killed goes on where it stopped.

A journal lies beside an unfinished file: its first line says what the file is to become, each other one names a tensor
whose bytes have reached the disk. A line that was cut off counts as not written.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import BinaryIO

from engine.convert.room import Room

SAVE_EVERY_S = 2.0


class Journal:
    """The journal of one unfinished file. Not for several threads."""

    def __init__(self, journal: Path, made: BinaryIO, identity: str, room: Room) -> None:
        """Begin a journal, or go on with the one that is there if it is of the same ``identity``."""
        self.done: set[str] = set()
        self._made = made
        self._room = room
        self._waiting: list[str] = []
        self._saved_s = time.monotonic()
        lines = _whole_lines(journal)
        if lines and lines[0] == identity:
            self.done = set(lines[1:])
        text = "".join(f"{line}\n" for line in (identity, *sorted(self.done)))
        room.wait_for(lambda: journal.write_text(text, "utf-8"))
        self._file = journal.open("ab", buffering=0)

    def note(self, name: str) -> None:
        """Note that a tensor is written; the journal says so once it is on the disk."""
        self.done.add(name)
        self._waiting.append(name)
        if time.monotonic() - self._saved_s >= SAVE_EVERY_S:
            self.save()

    def save(self) -> None:
        """Wait until the bytes are on the disk, then write the names."""
        self._room.wait_for(lambda: os.fsync(self._made.fileno()))
        data = memoryview("".join(f"{name}\n" for name in self._waiting).encode())
        while data:
            data = data[self._room.wait_for(lambda data=data: self._file.write(data)) or 0 :]
        self._waiting.clear()
        self._saved_s = time.monotonic()

    def close(self) -> None:
        self._file.close()


def _whole_lines(journal: Path) -> list[str]:
    try:
        text = journal.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return text[: text.rfind("\n") + 1].splitlines()
