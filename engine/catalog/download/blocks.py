"""Which blocks of a file are here: kept in memory, and in a journal beside the part that survives a kill.

The journal is a line of JSON (whose file this is), then eight bytes for each block in the order of their arrival: its
number and its CRC-32. A record is added after its block is written. A killed app loses at most the open block of each
connection; after a power cut, in which a record may outlive its bytes, the CRC tells which blocks to fetch again.
"""

from __future__ import annotations

import json
import struct
import threading
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from zlib import crc32

from engine.catalog.hub.values import RemoteFile

BLOCK_BYTES = 256 << 10
RECORD = struct.Struct("<II")
MISSING, TAKEN, HERE = range(3)


class Blocks:
    """The blocks of one part. Thread-safe; use as a context manager, which opens the journal for adding to it."""

    def __init__(self, part: Path, journal: Path, file: RemoteFile) -> None:
        self.part = part
        self.size_bytes = file.size_bytes
        self.changed = threading.Condition()
        count = -(-file.size_bytes // BLOCK_BYTES)
        self._states = bytearray(count)
        self._sums = array("I", [0]) * count
        self._doubted: bytearray | None = None
        self._last_gap = count * BLOCK_BYTES - file.size_bytes  # what the last block lacks
        self._beginning = 0  # blocks that are here from the first one on
        self._journal_path = journal
        self._file = file

    def __enter__(self) -> Blocks:
        header, records = _read_journal(self._journal_path)
        if header != _header(self._file) or not self.part.exists():
            header, records = _header(self._file), []
            self._journal_path.write_bytes(header)
        with self.part.open("ab") as part:
            part.truncate(self.size_bytes)
        for number, total in records:
            if number < len(self._states):
                self._states[number], self._sums[number] = HERE, total
        self._journal = self._journal_path.open("ab", buffering=0)
        self._journal.truncate(len(header) + len(records) * RECORD.size)  # without a record that was cut off
        return self

    def __exit__(self, *_: object) -> None:
        with self.changed:
            self._journal.close()

    @property
    def here_bytes(self) -> int:
        count = self._states.count(HERE)
        return count * BLOCK_BYTES - (self._last_gap if count and self._states[-1] == HERE else 0)

    @property
    def complete(self) -> bool:
        return self._states.count(HERE) == len(self._states)

    def take(self, most_bytes: int) -> tuple[int, int] | None:
        """Claim the first stretch that is missing, at most so long; return its beginning and end in bytes."""
        with self.changed:
            first = self._states.find(MISSING)
            if first < 0:
                return None
            nexts = [place for state in (TAKEN, HERE) if (place := self._states.find(state, first)) >= 0]
            end = min([*nexts, len(self._states), first + max(1, most_bytes // BLOCK_BYTES)])
            self._states[first:end] = bytes([TAKEN]) * (end - first)
            return first * BLOCK_BYTES, min(end * BLOCK_BYTES, self.size_bytes)

    def give_back(self, start: int, end: int) -> None:
        """Return what was taken and did not arrive; ``start`` may lie within a block."""
        with self.changed:
            for number in range(start // BLOCK_BYTES, -(-end // BLOCK_BYTES)):
                if self._states[number] == TAKEN:
                    self._states[number] = MISSING
            self.changed.notify_all()

    def arrived(self, number: int, total: int) -> None:
        """Record that a block is written; ``total`` is its CRC-32."""
        with self.changed:
            self._journal.write(RECORD.pack(number, total))
            if self._doubted is not None:
                self._compare(number, total)
            self._states[number], self._sums[number] = HERE, total
            self.changed.notify_all()

    def wait_for(self, position: int, timeout_s: float) -> int:
        """Return up to where the file is here without a gap, in bytes, after waiting for more than ``position``."""
        with self.changed:
            if self._reach() <= position:
                self.changed.wait(timeout_s)
            return self._reach()

    def lose(self, numbers: Iterable[int]) -> None:
        """Forget blocks: they will be fetched again."""
        with self.changed:
            for number in numbers:
                self._states[number] = MISSING
                self._beginning = min(self._beginning, number)
            self.changed.notify_all()

    def unlike(self) -> Iterator[int]:
        """Read the part and yield the blocks that are not what arrived: damaged on this disk."""
        with self.part.open("rb", buffering=0) as part:
            for number, expected in enumerate(self._sums):
                if crc32(read_fully(part, BLOCK_BYTES)) != expected:
                    yield number

    def doubt(self) -> bool:
        """Fetch again what came but once, up to the first block that comes differently; false if nothing is left."""
        with self.changed:
            if self._doubted is None:
                self._doubted = bytearray(b"\1") * len(self._states)
            if not any(self._doubted):
                return False
            for number, doubted in enumerate(self._doubted):
                if doubted:
                    self._states[number] = MISSING
            self._beginning = 0
            self.changed.notify_all()
            return True

    @property
    def doubting(self) -> bool:
        return self._doubted is not None

    def _compare(self, number: int, total: int) -> None:
        assert self._doubted is not None
        if total == self._sums[number]:
            self._doubted[number] = False
            return
        for other, state in enumerate(self._states):  # found: see whether this was all
            if state == MISSING and self._doubted[other]:
                self._states[other] = HERE

    def _reach(self) -> int:
        while self._beginning < len(self._states) and self._states[self._beginning] == HERE:
            self._beginning += 1
        return min(self._beginning * BLOCK_BYTES, self.size_bytes)


def recorded_bytes(journal: Path, file: RemoteFile) -> int:
    """Return how many bytes of a part its journal knows of."""
    header, records = _read_journal(journal)
    if header != _header(file):
        return 0
    return sum(min(BLOCK_BYTES, file.size_bytes - number * BLOCK_BYTES) for number in {number for number, _ in records})


def read_fully(file: object, length: int) -> bytes:
    """Read as much as is there, up to ``length``: a raw file may return less at once."""
    pieces, missing = [], length
    while missing and (piece := file.read(missing)):  # type: ignore[attr-defined]
        pieces.append(piece)
        missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _header(file: RemoteFile) -> bytes:
    content = {"bytes": file.size_bytes, "sha256": file.sha256, "git_sha1": file.git_sha1, "block": BLOCK_BYTES}
    return json.dumps(content).encode() + b"\n"


def _read_journal(path: Path) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the header and the records; a last one that was cut off does not count."""
    try:
        content = path.read_bytes()
    except OSError:
        return b"", []
    header, end, rest = content.partition(b"\n")
    whole = len(rest) // RECORD.size * RECORD.size
    return header + end, list(RECORD.iter_unpack(rest[:whole]))
