"""A download as a job: iterate for its events, cancel to pause it; iterating over another one continues."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.check import Digest, is_trusted
from engine.catalog.download.crew import Crew
from engine.catalog.download.disk import SLACK_BYTES, disk_error, require_room
from engine.catalog.download.fetch import Conditions, Tally
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.place import place
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.source import Lines, RemoteSource
from engine.catalog.download.staging import Staging, done_bytes
from engine.catalog.hub.client import Hub
from engine.catalog.hub.values import RemoteFile
from engine.catalog.library import Library
from engine.errors import Cancelled, Offline
from engine.events import Event, Finished, Notice, Progress
from engine.pace import Pace

TICK_S = 0.1
DISK_S = 1.0
SAME_NOTICE_S = 10.0
PATIENCE = 2  # times as many tries as a question gets: nobody sits and waits, and a network may be gone for minutes


class Download:
    """Fetches a plan into a library. Its last event is ``Finished(Checkpoint)``.

    :meth:`cancel` pauses it: what is here stays, and another ``Download`` of the plan continues there, also after a
    kill of the app. :func:`discard` throws it away. Raises :class:`DiskFull`, :class:`Offline`, :class:`AccessNeeded`,
    :class:`NotFound`, :class:`DamagedFile`, :class:`Refused` or :class:`Cancelled`; nothing of it is lost by any.
    """

    def __init__(self, plan: DownloadPlan, hub: Hub, library: Library, limit: SpeedLimit | None = None) -> None:
        self.plan = plan
        self._hub = hub
        self._library = library
        self._limit = limit or SpeedLimit()
        self._stop = threading.Event()
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._said_at: dict[str, float] = {}
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        staging = Staging.of(self._library.folder, self.plan)
        try:
            with staging.claimed(self.plan):
                yield from self._run(staging)
        except OSError as error:
            raise disk_error(error, self._library.folder, self.plan.size_bytes) from error

    def _run(self, staging: Staging) -> Iterator[Event]:
        hashes: dict[str, str] = {}
        yield from self._find_done(staging, hashes)
        missing = [file for file in self.plan.files if file.path not in hashes]
        if missing:
            yield from self._fetch(staging, missing, hashes)
        yield Finished(self._place(staging, hashes))

    def _find_done(self, staging: Staging, hashes: dict[str, str]) -> Iterator[Event]:
        """Look for files that are here already, and hash them: fetched by an earlier run, or with another format."""
        for file in self.plan.files:
            whole, target = staging.whole(file), self.plan.target(self._library.folder, file.path)
            if is_trusted(whole, file):
                hashes[file.path] = file.sha256
                continue
            for path in (whole, target):
                if not path.is_file() or path.stat().st_size != file.size_bytes:
                    continue
                digest = Digest(file)
                yield from self._hash(path, digest)
                if digest.right:
                    hashes[file.path] = digest.sha256
                    break
                whole.unlink(missing_ok=True)

    def _hash(self, path: Path, digest: Digest) -> Iterator[Progress]:
        pace = Pace("check", digest.file.size_bytes)
        for done in digest.read(path):
            if self._stop.is_set():
                raise Cancelled(f"The download of {self.plan.title}")
            yield pace.at(done)

    def _fetch(self, staging: Staging, files: list[RemoteFile], hashes: dict[str, str]) -> Iterator[Event]:
        here = done_bytes(staging, self.plan)
        here += sum(f.size_bytes for f in self.plan.files if f.path in hashes and not staging.whole(f).exists())
        require_room(staging.folder, self.plan.size_bytes - here)
        tally, lines = Tally(here), Lines()
        crew = Crew(self._sources(files, lines), staging, self._conditions(tally), lines)
        crew.start()
        try:
            yield from self._watch(crew, staging, tally)
        finally:
            crew.end()
        hashes.update(crew.hashes)

    def _sources(self, files: list[RemoteFile], lines: Lines) -> list[RemoteSource]:
        """Return where the files come from; one content is fetched once, whatever number of names it has."""
        by_content = {file.content: file for file in files}
        plan = self.plan
        return [RemoteSource(self._hub, plan.repository, plan.commit, file, lines) for file in by_content.values()]

    def _conditions(self, tally: Tally) -> Conditions:
        return Conditions(
            stop=self._stop,
            limit=self._limit,
            patience=replace(self._hub.patience, attempts=PATIENCE * self._hub.patience.attempts),
            on_wait=lambda words, _wait_s: self._said.put(words),
            tell=self._said.put,
            answered=lambda _answer_s: None,
            tally=tally,
        )

    def _watch(self, crew: Crew, staging: Staging, tally: Tally) -> Iterator[Event]:
        pace = Pace("download", self.plan.size_bytes, already_done=tally.bytes)
        look_at_disk = time.monotonic() + DISK_S
        while crew.busy:
            yield from self._notices()
            yield pace.at(min(tally.bytes, self.plan.size_bytes))
            if time.monotonic() > look_at_disk:
                require_room(staging.folder, crew.missing_bytes - SLACK_BYTES)
                look_at_disk = time.monotonic() + DISK_S
        yield from self._notices(0)
        if crew.error:
            raise self._named(crew.error)
        if self._cancelled:
            raise Cancelled(f"The download of {self.plan.title}")
        yield pace.at(self.plan.size_bytes)

    def _notices(self, wait_s: float = TICK_S) -> Iterator[Notice]:
        """Yield what the threads had to say, each sentence not more often than every ten seconds."""
        until = time.monotonic() + wait_s
        while True:
            try:
                words = self._said.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return
            reason = words.split(";")[0]
            if time.monotonic() - self._said_at.get(reason, -SAME_NOTICE_S) >= SAME_NOTICE_S:
                self._said_at[reason] = time.monotonic()
                yield Notice(words, "warning")

    def _named(self, error: BaseException) -> BaseException:
        return Offline(self._hub.host, error.details["reason"]) if isinstance(error, Offline) else error

    def _place(self, staging: Staging, hashes: dict[str, str]) -> Checkpoint:
        known = [file for file in self.plan.files if file.path in hashes]
        by_content = {file.content: hashes[file.path] for file in known}
        every = {file.path: by_content[file.content] for file in self.plan.files}
        return place(self.plan, staging, self._library, every)


def discard(plan: DownloadPlan, library: Library) -> None:
    """Throw away what was fetched of a plan so far. Raises :class:`Refused` while it is being fetched."""
    staging = Staging.of(library.folder, plan)
    if not staging.folder.exists():
        return
    with staging.claimed(plan):
        staging.discard()
