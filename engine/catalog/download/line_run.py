"""Works through the line of downloads, as one job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.item import Item, State
from engine.catalog.download.job import Download
from engine.catalog.download.line import DownloadLine
from engine.errors import Cancelled, DiskFull, EngineError, Offline
from engine.events import Event, Finished, Notice, Progress

OFFLINE_WAIT_S = 30.0  # a download has tried for minutes by then; from now on as often as this
TELL_S = 1.0


class LineRun:
    """The job that fetches what waits in a line, also what is added meanwhile; a line has one at a time.

    Its ``Progress`` is that of everything together.
    A download that fails is told by a ``Notice`` and the next one begins; one that finds no network waits and tries
    again. Ends with the checkpoints that were made; :meth:`cancel` ends the run, and what was running waits for the
    next one.
    """

    def __init__(self, line: DownloadLine, offline_wait_s: float = OFFLINE_WAIT_S) -> None:
        self._line = line
        self._offline_wait_s = offline_wait_s
        self._stop = threading.Event()
        self._current: Download | None = None

    def cancel(self) -> None:
        self._stop.set()
        self._line.wake()
        if current := self._current:
            current.cancel()

    def __iter__(self) -> Iterator[Event]:
        made: list[Checkpoint] = []
        while not self._stop.is_set() and self._line.waiting:
            if download := self._line.begin_next():
                self._current = download
                if self._stop.is_set():
                    download.cancel()
                yield from self._fetch(download, made)
            else:
                yield self._overall()
                self._line.wait(TELL_S)
        if self._stop.is_set():
            raise Cancelled("The downloads")
        yield Finished(tuple(made))

    def _fetch(self, download: Download, made: list[Checkpoint]) -> Iterator[Event]:
        """Run one download to its end, whatever that is."""
        plan_id, state, changes = download.plan.id, State.WAITING, {}
        try:
            for event in download:
                match event:
                    case Finished():
                        made.append(event.value)
                        state = State.DONE
                        changes = {"checkpoint": event.value, "done_bytes": download.plan.size_bytes, "error": None}
                    case Progress():
                        self._line.progressed(plan_id, event)
                        yield self._overall()
                    case Notice():
                        self._line.noted(plan_id, event.text)
                        yield event
        except Cancelled:
            state = self._line.state_of(plan_id) or State.PAUSED
            state = State.WAITING if state is State.RUNNING else state
        except EngineError as error:
            state, changes = self._failure(error)
            yield Notice(f"{download.plan.title}: {error.message} {error.hint}", "warning")
        finally:
            self._line.ended(plan_id, state, **changes)

    def _failure(self, error: EngineError) -> tuple[State, dict[str, object]]:
        """Return how a download goes on that something is in the way of."""
        changes: dict[str, object] = {"error": error}
        if isinstance(error, Offline):
            return State.OFFLINE, changes | {"try_at_s": time.monotonic() + self._offline_wait_s}
        return State.PAUSED if isinstance(error, DiskFull) else State.FAILED, changes

    def _overall(self) -> Progress:
        """Return the progress of everything together: one download runs at a time, so its rate is that of all."""
        items = self._line.items
        done, total = sum(item.done_bytes for item in items), sum(item.expected_bytes for item in items)
        rate = next((item.rate for item in items if item.state is State.RUNNING), None)
        left = max(0.0, total - done)
        return Progress(_step(items), done, max(total, done), "bytes", rate, left / rate if rate else None)


def _step(items: tuple[Item, ...]) -> str:
    if any(item.state is State.RUNNING for item in items):
        return "download"
    return "waiting for the network"
