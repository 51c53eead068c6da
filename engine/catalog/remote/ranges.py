"""Bytes of a remote file, read where they are needed, several stretches at once, and kept."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import Executor

from engine.catalog.download.source import RemoteSource
from engine.catalog.hub.patience import Again, OnWait, Patience, Retries
from engine.errors import Cancelled

READ_AHEAD_BYTES = 4 << 10


class RemoteBytes:
    """A file as far as it was read. Used by one thread; :meth:`fetch` spreads its requests over a pool."""

    def __init__(
        self, source: RemoteSource, pool: Executor, patience: Patience, stop: threading.Event, on_wait: OnWait | None
    ) -> None:
        self.name = source.file.path
        self.size = source.file.size_bytes
        self._source = source
        self._pool = pool
        self._patience = patience
        self._stop = stop
        self._on_wait = on_wait
        self._kept: list[tuple[int, bytes]] = []

    def at(self, start: int, length: int, ahead: int = READ_AHEAD_BYTES) -> bytes:
        """Return ``length`` bytes, fewer only at the end; what must be fetched for it is fetched with some more."""
        found = self._find(start, min(length, self.size - start))
        if found is None:
            self.fetch([(start, start + max(length, ahead))])
            found = self._find(start, min(length, self.size - start)) or b""
        return found

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as :class:`engine.catalog.headers.source.Source` does."""
        return self.at(offset, length)

    def fetch(self, stretches: Iterable[tuple[int, int]]) -> None:
        """Fetch stretches (begin and end) at the same time."""
        clipped = [(start, min(end, self.size)) for start, end in stretches if start < self.size]
        missing = [each for each in clipped if self._find(each[0], each[1] - each[0]) is None]
        if len(missing) == 1:
            self._kept.append((missing[0][0], self._read(missing[0])))
            return
        for (start, _), content in zip(missing, self._pool.map(self._read, missing), strict=True):
            self._kept.append((start, content))

    def _find(self, start: int, length: int) -> bytes | None:
        if length <= 0:
            return b""
        for begin, content in reversed(self._kept):
            if begin <= start and start + length <= begin + len(content):
                return content[start - begin : start - begin + length]
        return None

    def _read(self, stretch: tuple[int, int]) -> bytes:
        retries = Retries(self._patience, self._stop, self._on_wait)
        while True:
            if self._stop.is_set():
                raise Cancelled("Reading the model's headers")
            try:
                with self._source.open(*stretch) as opened:
                    content = bytearray()
                    for piece in opened.pieces:
                        content += piece
                        if len(content) > stretch[1] - stretch[0]:
                            break
                return bytes(content[: stretch[1] - stretch[0]])
            except Again as again:
                retries.wait(again)
