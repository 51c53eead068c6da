"""Where header bytes come from: a file here, or anything else that can be read at an offset (HTTP ranges)."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol

from engine.errors import DamagedFile, NotFound

WINDOW_BYTES = 1 << 20


class Source(Protocol):
    """Bytes that can be read at an offset. ``size`` is the length in bytes, ``None`` where it is not known."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int | None: ...

    def read(self, offset: int, length: int) -> bytes:
        """Return at most ``length`` bytes; fewer only at the end."""
        ...


class FileSource:
    """A file on the disk, open while the ``with`` block runs. Raises :class:`NotFound` if it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise NotFound(str(path), hint=f"It cannot be read: {error.strerror or error}.") from error
        self.size: int | None = self._file.seek(0, 2)

    def read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(length)

    def __enter__(self) -> FileSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class Cursor:
    """Reads a source from its beginning, a window at a time; never past its end or past ``limit_bytes``."""

    def __init__(self, source: Source, limit_bytes: int, window_bytes: int = WINDOW_BYTES) -> None:
        self.source = source
        self._limit = limit_bytes if source.size is None else min(limit_bytes, source.size)
        self._window_bytes = window_bytes
        self._start = 0
        self._window = b""
        self.position = 0

    def take(self, length: int) -> bytes:
        """Return the next ``length`` bytes."""
        offset = self._ahead(length)
        self.position += length
        return self._window[offset : offset + length]

    def skip(self, length: int) -> None:
        """Move on without reading."""
        self._check(length)
        self.position += length

    def _ahead(self, length: int) -> int:
        """Make ``length`` bytes available and return where they begin in the window."""
        offset = self.position - self._start
        if offset >= 0 and offset + length <= len(self._window):
            return offset
        self._check(length)
        self._start = self.position
        self._window = self.source.read(self.position, max(length, self._window_bytes))
        if len(self._window) < length:
            raise self.damaged(f"{length:,} more bytes", "its end: the file is cut off")
        return 0

    def _check(self, length: int) -> None:
        if self.position + length > self._limit:
            found = "its end: the file is cut off" if self._limit == self.source.size else "a header without end"
            raise self.damaged(f"{length:,} more bytes at byte {self.position:,}", found)

    def damaged(self, expected: str, found: str) -> DamagedFile:
        return DamagedFile(self.source.name, expected, found)
