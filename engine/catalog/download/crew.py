"""The threads of one download: some fetch, one follows them and checks.

Small files come first and whole. Large ones follow in order, each cut into stretches; the checker reads what is here
without a gap, so a file's hash is done when its last byte is.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from engine.catalog.download.blocks import BLOCK_BYTES, Blocks, read_fully
from engine.catalog.download.check import SMALL_BYTES, Digest
from engine.catalog.download.disk import disk_error
from engine.catalog.download.fetch import Conditions, fetch_stretch, fetch_whole
from engine.catalog.download.source import Lines, RemoteSource
from engine.catalog.download.staging import Staging
from engine.catalog.hub.values import RemoteFile
from engine.errors import Cancelled

FIRST_BYTES = 8 << 20  # of a large file: to see how far away the Hub is
STRETCH_BYTES = (4 << 20, 256 << 20)
# A wrong byte is looked for from the front: the Hub gives one hash for a whole file, so only fetching a block again
# tells whether it is right. n wrong blocks at random places cost n/(n+1) of the file on average; no order of asking
# does better. What else is on its way when the last one is found is wasted, hence small pieces.
DOUBTED_BYTES, DOUBTED_SHARE = 1 << 20, 64
# How many connections: far away more requests are on the way at once, and a large file takes several connections unless
# one of them is as fast as this program can be. Measured with tests/benchmarks/download_speed.py.
NEAR_S = 0.02
NEAR_LINES, FAR_LINES = 4, 16
LINES_PER_FILE = 6
LOOK_S = 0.25
FAST_BYTES_S = 150e6
WAIT_S = 0.2
HANG_UP_S = 2.0


@dataclass
class _Large:
    source: RemoteSource
    blocks: Blocks
    lines: int = 0


class Crew:
    """Fetches files into a staging folder. ``error`` is what ended it; ``hashes`` are the SHA-256 by path."""

    def __init__(self, sources: Iterable[RemoteSource], staging: Staging, conditions: Conditions, lines: Lines) -> None:
        self.error: BaseException | None = None
        self.hashes: dict[str, str] = {}
        self._staging = staging
        self._conditions = replace(conditions, answered=self._answered)
        self._connections = lines
        self._threads: list[threading.Thread] = []
        self._turn = threading.Condition()
        self._lines_per_file: int | None = None  # None: not decided yet
        self._first_answer: tuple[float, int] | None = None  # when, and how many bytes were here
        self._opened = contextlib.ExitStack()
        by_size = sorted(sources, key=lambda source: source.file.size_bytes > SMALL_BYTES)
        self._small = deque(source for source in by_size if source.file.size_bytes <= SMALL_BYTES)
        self._large = [self._open(source) for source in by_size if source.file.size_bytes > SMALL_BYTES]
        self._left = len(by_size)

    @property
    def busy(self) -> bool:
        return self._left > 0 and self.error is None and not self._conditions.stop.is_set()

    @property
    def missing_bytes(self) -> int:
        """Return how much is still to be written to the disk."""
        large = sum(each.blocks.size_bytes - each.blocks.here_bytes for each in self._large)
        return large + sum(source.file.size_bytes for source in list(self._small))

    def start(self) -> None:
        self._hire("checker", self._check)
        self._hire("fetcher", self._fetch)

    def end(self) -> None:
        """Stop all threads; one that waits for a silent server is left to itself, with nothing in its hands."""
        self._conditions.stop.set()
        with self._turn:
            self._turn.notify_all()
        self._connections.hang_up()
        until = time.monotonic() + HANG_UP_S
        for thread in list(self._threads):
            thread.join(max(0.0, until - time.monotonic()))
        self._opened.close()

    def _open(self, source: RemoteSource) -> _Large:
        file = source.file
        blocks = Blocks(self._staging.part(file), self._staging.blocks(file), file)
        return _Large(source, self._opened.enter_context(blocks))

    def _hire(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=self._guarded, args=(work,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Cancelled:
            pass
        except OSError as error:
            self._fail(disk_error(error, self._staging.folder, self.missing_bytes))
        except BaseException as error:  # handed to whoever iterates over the download
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        with self._turn:
            self.error = self.error or error
            self._turn.notify_all()

    # Fetching

    def _answered(self, answer_s: float) -> None:
        """Take the measure of the first answer and hire accordingly."""
        with self._turn:
            if self._first_answer is not None or not self.busy:
                return
            self._first_answer = time.monotonic(), self._conditions.tally.bytes
            near = answer_s < NEAR_S
            if near:
                self._lines_per_file = 1
            useful = len(self._small) + len(self._large) * (1 if near else LINES_PER_FILE)
            for _ in range(min(NEAR_LINES if near else FAR_LINES, useful) - 1):
                self._hire("fetcher", self._fetch)

    def _fetch(self) -> None:
        while task := self._next():
            task()

    def _next(self) -> Callable[[], None] | None:
        with self._turn:
            while self.busy:
                if self._small:
                    return partial(self._fetch_small, self._small.popleft())
                lines = self._lines()
                for large in self._large:
                    if large.lines < lines and (stretch := large.blocks.take(self._share(large))):
                        large.lines += 1
                        return partial(self._fetch_large, large, *stretch)
                self._turn.wait(WAIT_S)
        return None

    def _lines(self) -> int:
        """Return how many connections one file gets: one until it is known how fast that is."""
        if self._lines_per_file is None and self._first_answer is not None:
            when, here = self._first_answer
            passed_s = time.monotonic() - when
            if passed_s >= LOOK_S:
                fast = (self._conditions.tally.bytes - here) / passed_s > FAST_BYTES_S
                self._lines_per_file = 1 if fast else LINES_PER_FILE
        return self._lines_per_file or 1

    def _share(self, large: _Large) -> int:
        """Return how much of a file one connection takes at once: less towards the end, so that all end together."""
        if large.blocks.doubting:
            return min(DOUBTED_BYTES, max(BLOCK_BYTES, large.blocks.size_bytes // DOUBTED_SHARE))
        if self._lines_per_file is None:
            return FIRST_BYTES
        missing = large.blocks.size_bytes - large.blocks.here_bytes
        if self._lines_per_file == 1:
            return missing
        least, most = STRETCH_BYTES
        return min(most, max(least, missing // (2 * self._lines_per_file)))

    def _fetch_small(self, source: RemoteSource) -> None:
        digest = fetch_whole(source, self._staging.part(source.file), self._conditions)
        self._finish(source.file, digest)

    def _fetch_large(self, large: _Large, start: int, end: int) -> None:
        try:
            fetch_stretch(large.source, large.blocks, start, end, self._conditions, anew=large.blocks.doubting)
        finally:
            with self._turn:
                large.lines -= 1
                self._turn.notify()

    # Checking

    def _check(self) -> None:
        for large in self._large:
            digest = self._checked(large)
            with large.blocks.part.open("rb+") as part:
                os.fsync(part.fileno())
            self._finish(large.source.file, digest)

    def _checked(self, large: _Large) -> str:
        """Return the SHA-256 of a file once all of it is here and right; fetch again what is not."""
        blocks, file = large.blocks, large.source.file
        while True:
            digest = self._follow(blocks, file)
            if digest.right:
                return digest.sha256
            if damaged := list(blocks.unlike()):
                self._conditions.tell(f"{file.name} was damaged on this disk; {len(damaged)} blocks are fetched again.")
                blocks.lose(damaged)
                self._conditions.tally.add(-len(damaged) * BLOCK_BYTES)
            elif blocks.doubt():
                self._conditions.tell(f"{file.name} arrived with a wrong byte, which is looked for and fetched again.")
            else:
                self._forget(large)
                raise digest.damaged()

    def _follow(self, blocks: Blocks, file: RemoteFile) -> Digest:
        """Hash a file behind those who fetch it."""
        digest, position = Digest(file), 0
        with blocks.part.open("rb", buffering=0) as part:
            while position < file.size_bytes:
                self._conditions.go_on()
                until = blocks.wait_for(position, WAIT_S)
                while position < until:
                    block = read_fully(part, BLOCK_BYTES)
                    digest.update(block)
                    position += len(block)
        return digest

    def _forget(self, large: _Large) -> None:
        """Remove a part that cannot become right, so that the next try begins anew."""
        large.blocks.part.unlink(missing_ok=True)
        self._staging.blocks(large.source.file).unlink(missing_ok=True)

    def _finish(self, file: RemoteFile, sha256: str) -> None:
        self._staging.finish(file)
        with self._turn:
            self.hashes[file.path] = sha256
            self._left -= 1
            self._turn.notify_all()
