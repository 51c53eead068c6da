"""A file that grows by whole frames: what a kill left unfinished is cut off, and the work goes on after it.

Layout: one line of JSON (what the frames belong to), then for each frame its length and CRC-32 (two little-endian
unsigned 32-bit numbers) and its bytes.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

_HEAD = struct.Struct("<II")
_LONGEST_HEADER = 1 << 16


class Frames:
    """Frames in a file; those that are intact and belong to ``header`` are kept, everything else is dropped.

    Use it as a context manager.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self.path = path
        self._offsets: list[tuple[int, int]] = []  # start and length of each frame's bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._begin(json.dumps(header, sort_keys=True).encode() + b"\n")

    def __len__(self) -> int:
        return len(self._offsets)

    def __getitem__(self, index: int) -> bytes:
        start, length = self._offsets[index]
        self._file.seek(start)
        return self._file.read(length)

    def append(self, content: bytes) -> None:
        self._file.seek(0, 2)
        self._file.write(_HEAD.pack(len(content), zlib.crc32(content)))
        self._offsets.append((self._file.tell(), len(content)))
        self._file.write(content)
        self._file.flush()

    def cut(self, count: int) -> None:
        """Drop the frames after so many."""
        if count < len(self._offsets):
            self._file.seek(self._offsets[count][0] - _HEAD.size)
            self._file.truncate()
            del self._offsets[count:]

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Frames:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _begin(self, header: bytes) -> None:
        if self._file.readline(_LONGEST_HEADER) == header:
            self._find()
            return
        self._file.seek(0)
        self._file.truncate()
        self._file.write(header)
        self._file.flush()

    def _find(self) -> None:
        end = self._file.tell()
        while len(head := self._file.read(_HEAD.size)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            start, content = self._file.tell(), self._file.read(length)
            if len(content) != length or zlib.crc32(content) != checksum:
                break
            self._offsets.append((start, length))
            end = start + length
        self._file.seek(end)
        self._file.truncate()
