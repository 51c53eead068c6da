"""Tells whether a file is the one that the Hub promised: SHA-256, or git's SHA-1 for small ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from engine.catalog import records
from engine.catalog.hub.values import RemoteFile
from engine.errors import DamagedFile

SMALL_BYTES = 4 << 20  # up to here a file is fetched whole and hashed again when a download is continued


class Digest:
    """The hashes of a file that passes by. The SHA-256 is made for every file: the record wants it."""

    def __init__(self, file: RemoteFile) -> None:
        self.file = file
        self._sha256 = hashlib.sha256()
        # git's hash of a blob covers a header before the content (git's documentation, “Git Objects”).
        self._sha1 = None if file.sha256 else hashlib.sha1(b"blob %d\0" % file.size_bytes, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        self._sha256.update(data)
        if self._sha1:
            self._sha1.update(data)

    def read(self, path: Path) -> Iterator[int]:
        """Pass a file of the disk by; yield how many bytes are done."""
        done = 0
        for chunk in records.chunks(path):
            self.update(chunk)
            done += len(chunk)
            yield done

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def right(self) -> bool:
        return self.sha256 == self.file.sha256 if self._sha1 is None else self._sha1.hexdigest() == self.file.git_sha1

    def damaged(self) -> DamagedFile:
        if self._sha1 is None:
            return DamagedFile(self.file.path, f"SHA-256 {self.file.sha256}", self.sha256)
        return DamagedFile(self.file.path, f"git hash {self.file.git_sha1}", self._sha1.hexdigest())


def is_trusted(whole: Path, file: RemoteFile) -> bool:
    """Tell whether a large file that an earlier run checked need not be read again: it was on the disk by then."""
    if not file.sha256 or file.size_bytes <= SMALL_BYTES or not whole.exists():
        return False
    return whole.stat().st_size == file.size_bytes
