"""Runs the steps of a conversion one after the other, each a request to a worker that can be ended at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.convert.room import GOES_ON, LOOK_AGAIN_S, is_full, waiting
from engine.errors import Cancelled
from engine.events import Event, Finished, Notice
from engine.process.host import Request, Worker

DOING = "the conversion"


class Steps:
    """The worker of one conversion and the request that it answers now; ``python`` runs it, ``None`` the app's own.

    ``environment`` are variables of the worker beside the inherited ones.
    """

    def __init__(self, python: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
        self.cancelled = False
        self._python = python
        self._environment = environment
        self._worker: Worker | None = None
        self._request: Request | None = None

    def cancel(self) -> None:
        """Stop at once: native code asks nobody, so its process is ended."""
        self.cancelled = True
        request, worker = self._request, self._worker
        if request and worker:
            request.cancel()
            worker.kill()

    def check(self) -> None:
        """Raise :class:`Cancelled` once it is."""
        if self.cancelled:
            raise Cancelled(DOING[:1].upper() + DOING[1:])

    def run(self, do: str, **arguments: Any) -> Generator[Event, None, tuple[Any, float]]:
        """Yield the events of a step; return its result and its seconds. Raises the step's error, or ``Cancelled``."""
        self.check()
        start_s = time.monotonic()
        self._worker = self._worker or Worker("engine.convert.worker", DOING, self._environment, self._python)
        self._request = self._worker.ask(do, **arguments)
        if self.cancelled:  # between the first look and the request
            self.cancel()
        for event in self._request:
            if not isinstance(event, Finished):
                yield event
        return self._request.result, round(time.monotonic() - start_s, 3)

    def with_room(self, folder: Path, write: Callable[[], None]) -> Iterator[Event]:
        """Write a small file; while the disk is full, wait."""
        told = False
        while True:
            try:
                write()
                break
            except OSError as error:
                if not is_full(error):
                    raise
            if not told:
                told = True
                yield Notice(waiting(folder), "warning")
            self.check()
            time.sleep(LOOK_AGAIN_S)
        if told:
            yield Notice(GOES_ON)

    def end_worker(self) -> None:
        """End the process: its memory comes back before the next step asks for its own."""
        worker, self._worker, self._request = self._worker, None, None
        if worker:
            worker.kill()
            worker.close()
