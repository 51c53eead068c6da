"""One file on the Hub, opened at any byte: by the pinned commit, then straight where the Hub has sent us."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.catalog.hub.client import Hub
from engine.catalog.hub.patience import Again
from engine.catalog.hub.values import RemoteFile
from engine.errors import DamagedFile

if TYPE_CHECKING:
    import httpx2

RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class Lines:
    """The open connections of one download, so that a stop need not wait until a silent one gives up."""

    def __init__(self) -> None:
        self._open: set[Any] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def held(self, response: httpx2.Response) -> Iterator[None]:
        stream = response.extensions.get("network_stream")
        line = stream.get_extra_info("socket") if stream else None
        with self._lock:
            if line is not None:
                self._open.add(line)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(line)

    def hang_up(self) -> None:
        with self._lock:
            for line in self._open:
                with contextlib.suppress(OSError):
                    # The plain socket's own method: that of a TLS socket is not meant for another thread.
                    socket.socket.shutdown(line, socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Opened:
    """The bytes from where they were asked for; ``answer_s`` is how long the first of them took."""

    pieces: Iterator[bytes]
    answer_s: float


class RemoteSource:
    """A file at a commit. Thread-safe."""

    def __init__(self, hub: Hub, repository: str, commit: str, file: RemoteFile, lines: Lines) -> None:
        self.file = file
        self._hub = hub
        self._repository = repository
        self._commit = commit
        self._lines = lines
        self._direct = ""

    @contextlib.contextmanager
    def open(self, start: int, end: int, *, anew: bool = False) -> Iterator[Opened]:
        """Open the bytes from ``start`` to ``end``; ``anew`` asks caches on the way for a fresh copy.

        Raises what :meth:`Hub.open` does, and :class:`Again` for an answer that is not what was asked for.
        """
        headers = {"cache-control": "no-cache"} if anew else {}
        if (start, end) != (0, self.file.size_bytes):
            headers["range"] = f"bytes={start}-{end - 1}"
        began = time.monotonic()
        try:
            with self._hub.open(self._direct or self._url(), self._repository, headers) as response:
                self._remember(response)
                skip = self._offset(response, start)
                answer_s = time.monotonic() - began
                with self._lines.held(response):
                    yield Opened(_after(response.iter_raw(), skip), answer_s)
        except Again:
            self._direct = ""  # the next try asks the Hub for another address: this one may have run out
            raise

    def _url(self) -> str:
        return self._hub.file_url(self._repository, self._commit, self.file.path)

    def _remember(self, response: httpx2.Response) -> None:
        """Check what the Hub said on the way, and keep where it has sent us."""
        for answer in response.history:
            commit, size = answer.headers.get("x-repo-commit"), answer.headers.get("x-linked-size")
            if commit and commit != self._commit:
                raise self._odd(f"commit {self._commit[:7]}", f"commit {commit[:7]}")
            if size and size != str(self.file.size_bytes):
                raise self._odd(f"{self.file.size_bytes:,} bytes", f"{size} bytes")
        if response.history:
            self._direct = str(response.url)

    def _offset(self, response: httpx2.Response, start: int) -> int:
        """Return how many bytes of the answer come before those that were asked for."""
        found = RANGE.fullmatch(response.headers.get("content-range", ""))
        if response.status_code == 206 and found:
            total = found[3]
            if total not in ("*", str(self.file.size_bytes)):
                raise self._odd(f"{self.file.size_bytes:,} bytes", f"{total} bytes")
            if int(found[1]) != start:
                raise self._odd(f"the bytes from {start:,} on", f"those from {int(found[1]):,} on")
            return 0
        length = response.headers.get("content-length")
        if length is not None and length != str(self.file.size_bytes):
            raise self._odd(f"{self.file.size_bytes:,} bytes", f"{length} bytes")
        return start

    def _odd(self, expected: str, found: str) -> Again:
        error = DamagedFile(self.file.path, expected, f"{found} at the Hub")
        return Again(f"The Hub sends something else for {self.file.name}", error)


def _after(pieces: Iterator[bytes], skip: int) -> Iterator[bytes]:
    for piece in pieces:
        if skip < len(piece):
            yield piece[skip:] if skip else piece
        skip = max(0, skip - len(piece))
