"""Moves bytes: a whole small file, or a stretch of a large one, over as many connections as break on the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from engine.catalog.download.blocks import BLOCK_BYTES, Blocks
from engine.catalog.download.check import Digest
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.source import Opened, RemoteSource
from engine.catalog.hub.patience import Again, OnWait, Patience, Retries
from engine.errors import Cancelled, Offline

LEAST_BYTES_S = 2048  # a connection below this is as good as dead
TRIES = 3


class Tally:
    """How many bytes of a download are here. Thread-safe."""

    def __init__(self, count: int = 0) -> None:
        self.bytes = count
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        with self._lock:
            self.bytes += count


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the threads of one download share. ``tell`` takes a sentence for the person."""

    stop: threading.Event
    limit: SpeedLimit
    patience: Patience
    on_wait: OnWait
    tell: Callable[[str], None]
    answered: Callable[[float], None]
    tally: Tally = field(default_factory=Tally)

    def go_on(self) -> None:
        if self.stop.is_set():
            raise Cancelled


def fetch_whole(source: RemoteSource, part: Path, conditions: Conditions) -> str:
    """Fetch a small file into ``part`` and return its SHA-256; wrong bytes are fetched again.

    Raises :class:`DamagedFile` if they stay wrong.
    """
    tried = 0
    while True:
        content, digest = bytearray(), Digest(source.file)
        for piece in _pieces(source, 0, source.file.size_bytes, conditions, anew=tried > 0):
            content += piece
            digest.update(piece)
        if digest.right:
            part.write_bytes(content)
            return digest.sha256
        tried += 1
        if tried == TRIES:
            raise digest.damaged()
        conditions.tally.add(-len(content))
        conditions.tell(f"{source.file.name} arrived with wrong bytes and is fetched again.")


def fetch_stretch(
    source: RemoteSource, blocks: Blocks, start: int, end: int, conditions: Conditions, *, anew: bool = False
) -> None:
    """Fetch the bytes from ``start`` to ``end`` into their blocks; what does not arrive is given back."""
    with blocks.part.open("r+b", buffering=0) as part:
        part.seek(start)
        writer = _BlockWriter(part, blocks, start)
        try:
            for piece in _pieces(source, start, end, conditions, anew=anew):
                writer.write(piece)
        finally:
            blocks.give_back(writer.position, end)
            conditions.tally.add(-(writer.position % BLOCK_BYTES if writer.position < end else 0))


class _BlockWriter:
    """Writes what arrives and reports each block that is complete."""

    def __init__(self, part: BinaryIO, blocks: Blocks, start: int) -> None:
        self._part = part
        self._blocks = blocks
        self._sum = 0
        self.position = start

    def write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            inside = view[: BLOCK_BYTES - self.position % BLOCK_BYTES]
            write_fully(self._part, inside)
            self._sum = crc32(inside, self._sum)
            self.position += len(inside)
            view = view[len(inside) :]
            if self.position % BLOCK_BYTES == 0 or self.position == self._blocks.size_bytes:
                self._blocks.arrived((self.position - 1) // BLOCK_BYTES, self._sum)
                self._sum = 0


def _pieces(source: RemoteSource, start: int, end: int, conditions: Conditions, *, anew: bool) -> Iterator[bytes]:
    """Yield the bytes from ``start`` to ``end`` in order, connecting again wherever a connection breaks."""
    retries = Retries(conditions.patience, conditions.stop, conditions.on_wait)
    position = start
    while position < end:
        conditions.go_on()
        try:
            with source.open(position, end, anew=anew) as opened:
                conditions.answered(opened.answer_s)
                for piece in _lively(opened, conditions.patience):
                    conditions.go_on()
                    wanted = piece[: end - position]
                    if not wanted:
                        break  # more than was asked for; otherwise read to the end, so that the connection is kept
                    yield wanted
                    position += len(wanted)
                    conditions.tally.add(len(wanted))
                    retries.progressed()
                    conditions.limit.take(len(wanted), conditions.stop)
            if position < end:
                raise Again("The connection ended too early", Offline("The Hub", "it ends its answers too early"))
        except Again as again:
            conditions.go_on()
            retries.wait(again)


def _lively(opened: Opened, patience: Patience) -> Iterator[bytes]:
    """Yield the pieces; raise :class:`Again` when they come so slowly that another connection is the better bet."""
    count, waited_s = 0, 0.0
    while True:
        began = time.monotonic()
        piece = next(opened.pieces, None)
        if piece is None:
            return
        count, waited_s = count + len(piece), waited_s + time.monotonic() - began
        yield piece
        if waited_s > patience.stall_s:
            if count < LEAST_BYTES_S * waited_s:
                raise Again("The connection has nearly stopped", Offline("The Hub", "the connection nearly stopped"))
            count, waited_s = 0, 0.0


def write_fully(file: BinaryIO, data: memoryview) -> None:
    """Write all of it: a raw file may take less at once, for one when the disk is nearly full."""
    while data:
        data = data[file.write(data) :]
