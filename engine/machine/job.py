"""The probe as a job, for the window."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from engine.errors import Cancelled
from engine.events import Event
from engine.machine.look import look
from engine.machine.probe import usual_places
from engine.machine.sources import Live


class ProbeJob:
    """Look at this computer. Its last event is ``Finished(Machine)``; nothing but a cancel makes it fail."""

    def __init__(self, *, measure_bandwidth: bool = True) -> None:
        self._measure_bandwidth = measure_bandwidth
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[Event]:
        live = Live()
        try:
            for event in look(live, usual_places(), measure_bandwidth=self._measure_bandwidth, stop=self._stop):
                if self._stop.is_set():
                    raise Cancelled("Looking at this computer")
                yield event
        finally:
            live.close()

    def cancel(self) -> None:
        self._stop.set()
