"""Several downloads, one after the other, in an order that can be changed; the line survives a restart.

What waits is in the library itself (:func:`engine.catalog.download.staging.unfinished`); a small file beside it keeps
the order and what was paused. :mod:`engine.catalog.download.line_run` works through it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

from engine.catalog.download.disk import disk_error
from engine.catalog.download.item import STOPPED, UNFINISHED, Item, State
from engine.catalog.download.job import Download, discard
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.order import NEW_HERE, OrderFile
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.staging import Staging, unfinished
from engine.catalog.hub.client import Hub
from engine.catalog.library import Library
from engine.events import Progress

__all__ = ["DownloadLine", "Item", "State"]


class DownloadLine:
    """The downloads of a library. Thread-safe; ``LineRun`` is the job that works through it.

    With ``goes_on`` what was running when the app ended waits for its turn; otherwise everything is paused at first.
    """

    def __init__(self, hub: Hub, library: Library, limit: SpeedLimit | None = None, *, goes_on: bool = True) -> None:
        self.limit = limit or SpeedLimit()
        self._hub = hub
        self.library = library
        self._changed = threading.Condition(threading.RLock())
        self._running: Download | None = None
        self._order = OrderFile(library.folder)
        self._items = {item.plan.id: item for item in self._restored(goes_on)}

    @classmethod
    def claimed(cls, *args: Any, **options: Any) -> DownloadLine:
        """Return the line of a library for this app alone, until :meth:`close`.

        Raises :class:`Refused` while another app has it.
        """
        order = OrderFile(args[1].folder)
        order.claim()
        try:
            line = cls(*args, **options)
        except BaseException:
            order.release()
            raise
        line._order = order
        return line

    def close(self) -> None:
        """Let another app have the line. A run must have ended before."""
        self._order.release()

    @property
    def items(self) -> tuple[Item, ...]:
        """Return the downloads in their order, as they stand now."""
        with self._changed:
            return tuple(self._items.values())

    @property
    def waiting(self) -> bool:
        """Tell whether there is something to run, now or when the network is back."""
        return any(item.state in (State.WAITING, State.OFFLINE) for item in self.items)

    def add(self, plan: DownloadPlan) -> None:
        """Put a download at the end; one that is there already, paused or failed, waits again at its place.

        Raises :class:`DiskFull` or :class:`Refused` if the library cannot take note of it.
        """
        with self._changed:
            there = self._items.get(plan.id)
            if there and there.state is State.RUNNING:
                return
            try:
                Staging.of(self.library.folder, plan).remember(plan)
            except OSError as error:
                raise disk_error(error, self.library.folder, plan.size_bytes) from error
            if there and there.state is State.DONE:
                del self._items[plan.id]
            self._items[plan.id] = Item(plan, done_bytes=there.done_bytes if there else 0)
            self._tell()

    def move(self, plan_id: str, position: int) -> None:
        """Move a download to a position of the line; 0 is next."""
        with self._changed:
            order = [each for each in self._items if each != plan_id]
            order.insert(position, plan_id)
            self._items = {each: self._items[each] for each in order}
            self._tell()

    def shift(self, plan_id: str, step: int) -> None:
        """Move a download by so many places among those that are not done."""
        with self._changed:
            order = [each for each, item in self._items.items() if item.state in UNFINISHED]
            place = max(0, min(len(order) - 1, order.index(plan_id) + step))
            order.remove(plan_id)
            order.insert(place, plan_id)
            done = {each: item for each, item in self._items.items() if item.state is State.DONE}
            self._items = done | {each: self._items[each] for each in order}
            self._tell()

    def pause(self, plan_id: str) -> None:
        """Pause a download; what is here stays."""
        with self._changed:
            if self._items[plan_id].state in UNFINISHED:
                self._change(plan_id, state=State.PAUSED, rate=None, remaining_s=None, note="", error=None)
            if self._running and self._running.plan.id == plan_id:
                self._running.cancel()
            self._tell()

    def resume(self, plan_id: str) -> None:
        """Let a download that is paused, failed or offline wait for its turn again."""
        with self._changed:
            if self._items[plan_id].state in (*STOPPED, State.OFFLINE):
                self._change(plan_id, state=State.WAITING, error=None, note="")
            self._tell()

    def pause_all(self) -> None:
        for item in self.items:
            if item.state not in (*STOPPED, State.DONE):
                self.pause(item.plan.id)

    def resume_all(self) -> None:
        for item in self.items:
            self.resume(item.plan.id)

    def remove(self, plan_id: str) -> None:
        """Take a download out of the line and throw away what was fetched, unless it is done."""
        with self._changed:
            item = self._items.pop(plan_id)
            running = self._running if self._running and self._running.plan.id == plan_id else None
            self._tell()
        if running:
            running.cancel()  # the run throws it away once it has stopped
        elif item.state is not State.DONE:
            discard(item.plan, self.library)

    def clear_done(self) -> None:
        """Take what is done out of the line; the models stay in the library."""
        with self._changed:
            self._items = {plan_id: item for plan_id, item in self._items.items() if item.state is not State.DONE}
            self._tell()

    # For the run

    def begin_next(self) -> Download | None:
        """Return the next download, which is running from now on."""
        with self._changed:
            for plan_id, item in self._items.items():
                due = item.state is State.OFFLINE and item.try_at_s <= time.monotonic()
                if item.state is State.WAITING or due:
                    self._change(plan_id, state=State.RUNNING, error=None)
                    self._running = Download(item.plan, self._hub, self.library, self.limit)
                    return self._running
            return None

    def progressed(self, plan_id: str, progress: Progress) -> None:
        with self._changed:
            item = self._items.get(plan_id)
            if item is None or item.state is not State.RUNNING:
                return
            if progress.step != "download":
                self._change(plan_id, step=progress.step, rate=None, remaining_s=progress.remaining_s)
                return
            note = item.note if progress.done <= item.done_bytes else ""
            now = {"done_bytes": progress.done, "rate": progress.rate, "remaining_s": progress.remaining_s}
            self._change(plan_id, step=progress.step, note=note, **now)

    def noted(self, plan_id: str, note: str) -> None:
        self._change(plan_id, note=note)

    def ended(self, plan_id: str, state: State, **changes: object) -> None:
        """Take note of how the running download ended; one that was removed meanwhile is thrown away."""
        with self._changed:
            plan = self._running.plan if self._running else None
            self._running = None
            removed = plan_id not in self._items
            self._change(plan_id, state=state, rate=None, remaining_s=None, step="", note="", **changes)
            self._tell()
        if removed and plan:
            discard(plan, self.library)

    def state_of(self, plan_id: str) -> State | None:
        with self._changed:
            item = self._items.get(plan_id)
            return item.state if item else None

    def wait(self, seconds: float) -> None:
        """Return when the line has changed, or after some time."""
        with self._changed:
            self._changed.wait(seconds)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _change(self, plan_id: str, **changes: Any) -> None:
        with self._changed:
            if plan_id in self._items:
                self._items[plan_id] = replace(self._items[plan_id], **changes)

    def _tell(self) -> None:
        self._order.write(self._items.values())
        self._changed.notify_all()

    def _restored(self, goes_on: bool) -> list[Item]:
        places = self._order.read()
        found = []
        for each in unfinished(self.library.folder):
            place = places.get(each.plan.id, NEW_HERE)
            state = State.PAUSED if place.state is State.WAITING and not goes_on else place.state
            found.append((place.number, Item(each.plan, state, each.done_bytes, error=place.error)))
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]
