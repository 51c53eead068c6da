"""Finding a model as jobs, for whoever shows their progress: search, look-up, and the facts of all variants."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.catalog.hub.address import Address, parse_address
from engine.catalog.hub.client import Hub
from engine.catalog.hub.model import look_up
from engine.catalog.hub.patience import OnWait
from engine.catalog.hub.search import search
from engine.catalog.hub.values import FolderHeaders, Query, RemoteModel
from engine.catalog.hub.variants import Variants, variants
from engine.catalog.remote_facts import FactReader
from engine.errors import Cancelled
from engine.events import Event, Finished, Notice, Progress


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A model, what can be had of it, and the path that its address pointed at."""

    model: RemoteModel
    variants: Variants
    path: str = ""


class Asking:
    """A job that asks the Hub, tells of each wait, and ends at once when it is cancelled, however silent the Hub is."""

    def __init__(self, ask: Callable[[threading.Event, OnWait], Any]) -> None:
        self._ask = ask
        self._stop = threading.Event()
        self._events: queue.SimpleQueue[Event | BaseException] = queue.SimpleQueue()

    def cancel(self) -> None:
        self._stop.set()
        self._events.put(Cancelled())

    def __iter__(self) -> Iterator[Event]:
        threading.Thread(target=self._run, name="asking", daemon=True).start()
        while True:
            event = self._events.get()
            if isinstance(event, BaseException):
                raise event
            yield event
            if isinstance(event, Finished):
                return

    def _run(self) -> None:
        try:
            self._events.put(Finished(self._ask(self._stop, self._on_wait)))
        except BaseException as error:  # raised where the job is iterated over
            self._events.put(error)

    def _on_wait(self, words: str, _wait_s: float) -> None:
        self._events.put(Notice(words, "warning"))


def searching(hub: Hub, query: Query, page: str = "") -> Asking:
    """Return the job of a search; it ends with a :class:`Page`."""
    return Asking(lambda stop, on_wait: search(hub, query, page, stop, on_wait))


def looking_up(hub: Hub, address: str) -> Asking:
    """Return the job of looking up a name or URL; it ends with :class:`LookedUp`, without facts."""

    def ask(stop: threading.Event, on_wait: OnWait) -> LookedUp:
        parsed: Address = parse_address(address, hub.endpoint)
        model = look_up(hub, parsed, stop, on_wait)
        return LookedUp(model, variants(model), parsed.path)

    return Asking(ask)


class ReadingFacts:
    """The job of reading the facts of all variants; it ends with :class:`Variants`.

    ``found`` is what is known so far, renewed before each ``Progress``.
    """

    def __init__(self, hub: Hub, looked_up: LookedUp) -> None:
        self.found = looked_up.variants
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = FactReader(hub, looked_up.model, lambda words, _wait_s: self._said.put(words))

    @property
    def headers(self) -> FolderHeaders | None:
        """What the headers of the folder say, in full; ``None`` before they are read and where there is none."""
        return self._reader.folder

    def cancel(self) -> None:
        self._reader.cancel()

    def __iter__(self) -> Iterator[Event]:
        total = sum(not variant.problem for variant in self.found.all)
        for done, found in enumerate(self._reader.read(self.found), start=1):
            self.found = found
            while not self._said.empty():
                yield Notice(self._said.get(), "warning")
            yield Progress("facts", done, total, "files")
        yield Finished(self.found)
