"""Several downloads, one after the other, in an order that can be changed; the line survives a restart.

What waits is in the library itself (:func:`engine.catalog.download.staging.unfinished`); a small file beside it keeps
the order and what was paused. If that file is lost, the oldest goes first.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.job import Download, discard
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.staging import Staging, unfinished
from engine.catalog.hub.client import Hub
from engine.catalog.library import Library
from engine.catalog.names import DOWNLOADS
from engine.errors import Cancelled, EngineError
from engine.events import Event, Finished, Notice, Progress
from engine.pace import Pace

ORDER_FILE = "order.json"


class State(StrEnum):
    """Where a download of the line stands."""

    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Item:
    """One download of the line. ``error`` says why it failed, ``checkpoint`` what it became."""

    plan: DownloadPlan
    state: State = State.WAITING
    done_bytes: float = 0
    rate: float | None = None
    remaining_s: float | None = None
    error: EngineError | None = None
    checkpoint: Checkpoint | None = None

    @property
    def expected_bytes(self) -> float:
        """What counts as the whole of it in a sum: what does not go on is complete with what it has."""
        stopped = self.state in (State.PAUSED, State.FAILED)
        return self.done_bytes if stopped else self.plan.size_bytes


class DownloadLine:
    """The downloads of a library. Thread-safe; :meth:`run` returns the job that works through it."""

    def __init__(self, hub: Hub, library: Library, limit: SpeedLimit | None = None) -> None:
        self.limit = limit or SpeedLimit()
        self._hub = hub
        self._library = library
        self._lock = threading.RLock()
        self._running: Download | None = None
        self._items = {item.plan.id: item for item in self._restored()}

    @property
    def items(self) -> tuple[Item, ...]:
        """Return the downloads in their order, as they stand now."""
        with self._lock:
            return tuple(self._items.values())

    @property
    def waiting(self) -> bool:
        """Tell whether there is something to run."""
        return any(item.state is State.WAITING for item in self.items)

    def add(self, plan: DownloadPlan) -> None:
        """Put a download at the end; one that is there already, paused or failed, waits again at its place."""
        Staging.of(self._library.folder, plan).remember(plan)
        with self._lock:
            there = self._items.get(plan.id)
            if there is None or there.state is not State.RUNNING:
                self._items[plan.id] = Item(plan, done_bytes=there.done_bytes if there else 0)
            self._save()

    def move(self, plan_id: str, position: int) -> None:
        """Move a download to a position of the line; 0 is next."""
        with self._lock:
            order = [each for each in self._items if each != plan_id]
            order.insert(position, plan_id)
            self._items = {each: self._items[each] for each in order}
            self._save()

    def pause(self, plan_id: str) -> None:
        """Pause a download; what is here stays."""
        with self._lock:
            self._change(plan_id, state=State.PAUSED)
            if self._running and self._running.plan.id == plan_id:
                self._running.cancel()
            self._save()

    def resume(self, plan_id: str) -> None:
        """Let a paused or failed download wait for its turn again."""
        with self._lock:
            if self._items[plan_id].state in (State.PAUSED, State.FAILED):
                self._change(plan_id, state=State.WAITING, error=None)
            self._save()

    def remove(self, plan_id: str) -> None:
        """Take a download out of the line and throw away what was fetched, unless it is done."""
        with self._lock:
            item = self._items.pop(plan_id)
            running = self._running if self._running and self._running.plan.id == plan_id else None
            self._save()
        if running:
            running.cancel()  # the run throws it away once it has stopped
        elif item.state is not State.DONE:
            discard(item.plan, self._library)

    def run(self) -> LineRun:
        """Return a job that fetches what waits, also what is added meanwhile; start one when none is running."""
        return LineRun(self)

    # For the run

    def begin_next(self) -> Download | None:
        """Return the next download, which is running from now on."""
        with self._lock:
            for plan_id, item in self._items.items():
                if item.state is State.WAITING:
                    self._change(plan_id, state=State.RUNNING)
                    self._running = Download(item.plan, self._hub, self._library, self.limit)
                    return self._running
            return None

    def progressed(self, plan_id: str, progress: Progress) -> None:
        self._change(plan_id, done_bytes=progress.done, rate=progress.rate, remaining_s=progress.remaining_s)

    def ended(self, plan_id: str, state: State, **changes: object) -> None:
        """Take note of how the running download ended; one that was removed meanwhile is thrown away."""
        with self._lock:
            plan = self._running.plan if self._running else None
            self._running = None
            removed = plan_id not in self._items
            self._change(plan_id, state=state, rate=None, remaining_s=None, **changes)
            self._save()
        if removed and plan:
            discard(plan, self._library)

    def state_of(self, plan_id: str) -> State | None:
        with self._lock:
            item = self._items.get(plan_id)
            return item.state if item else None

    def _change(self, plan_id: str, **changes: object) -> None:
        with self._lock:
            if plan_id in self._items:
                self._items[plan_id] = replace(self._items[plan_id], **changes)  # type: ignore[arg-type]

    def _restored(self) -> list[Item]:
        order = self._order()
        places = {plan_id: place for place, plan_id in enumerate(order)}
        found = [
            Item(each.plan, State.PAUSED if order.get(each.plan.id) else State.WAITING, each.done_bytes)
            for each in unfinished(self._library.folder)
        ]
        return sorted(found, key=lambda item: places.get(item.plan.id, len(places)))

    def _order(self) -> dict[str, bool]:
        """Return which downloads were in the line, in their order, and whether each was paused."""
        try:
            entries = json.loads((self._library.folder / DOWNLOADS / ORDER_FILE).read_text("utf-8"))
            return {str(entry["id"]): bool(entry["paused"]) for entry in entries}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _save(self) -> None:
        left = [item for item in self._items.values() if item.state is not State.DONE]
        file = self._library.folder / DOWNLOADS / ORDER_FILE
        if not left:
            file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                file.parent.rmdir()
            return
        stopped = (State.PAUSED, State.FAILED)
        entries = [{"id": item.plan.id, "paused": item.state in stopped} for item in left]
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f"{ORDER_FILE}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(entries), "utf-8")
        temporary.replace(file)


class LineRun:
    """The job that works through a line. Its ``Progress`` is that of everything together.

    A download that fails is told by a ``Notice`` and the next one begins. Ends with the checkpoints that were made;
    :meth:`cancel` ends the run, and what was running waits for the next one.
    """

    def __init__(self, line: DownloadLine) -> None:
        self._line = line
        self._stop = threading.Event()
        self._current: Download | None = None

    def cancel(self) -> None:
        self._stop.set()
        if current := self._current:
            current.cancel()

    def __iter__(self) -> Iterator[Event]:
        made: list[Checkpoint] = []
        pace = Pace("download", None)
        while not self._stop.is_set() and (download := self._line.begin_next()):
            self._current = download
            if self._stop.is_set():
                download.cancel()
            yield from self._fetch(download, made, pace)
        if self._stop.is_set():
            raise Cancelled("The downloads")
        yield Finished(tuple(made))

    def _fetch(self, download: Download, made: list[Checkpoint], pace: Pace) -> Iterator[Event]:
        """Run one download to its end, whatever that is."""
        plan_id, state, changes = download.plan.id, State.WAITING, {}
        try:
            for event in download:
                if isinstance(event, Finished):
                    made.append(event.value)
                    state = State.DONE
                    changes = {"checkpoint": event.value, "done_bytes": download.plan.size_bytes}
                elif isinstance(event, Progress):
                    if event.step == "download":
                        self._line.progressed(plan_id, event)
                    yield self._overall(pace)
                else:
                    yield event
        except Cancelled:
            state = self._line.state_of(plan_id) or State.PAUSED
            state = State.WAITING if state is State.RUNNING else state
        except EngineError as error:
            state, changes = State.FAILED, {"error": error}
            yield Notice(f"{download.plan.title}: {error.message} {error.hint}", "warning")
        finally:
            self._line.ended(plan_id, state, **changes)

    def _overall(self, pace: Pace) -> Progress:
        items = self._line.items
        total = sum(item.expected_bytes for item in items)
        progress = pace.at(sum(item.done_bytes for item in items))
        left = max(0.0, total - progress.done)
        remaining_s = left / progress.rate if progress.rate else None
        return replace(progress, total=max(total, progress.done), remaining_s=remaining_s)
