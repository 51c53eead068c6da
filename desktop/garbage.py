"""When Python looks for garbage: not while an answer streams.

A full collection looks at every object there is and takes 20 ms or more in this process, which is a visible stall.
Nearly all garbage goes by reference counting; what is left waits until nothing runs.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer, Slot

from desktop.jobs import Jobs

_EVERY_MS = 20_000
_NEVER = 1_000_000_000


class GarbageTime(QObject):
    """Collect now and then while no job runs. What is there when it begins stays for good and is not looked at."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(jobs)
        self._jobs = jobs
        gc.collect()
        gc.freeze()
        gc.enable()  # desktop/__main__.py turned it off for the start
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*self._thresholds[:2], _NEVER)
        self._timer = QTimer(self, interval=_EVERY_MS)
        self._timer.timeout.connect(self.collect_at_rest)
        self._timer.start()

    @Slot()
    def collect_at_rest(self) -> None:
        if not self._jobs.running:
            gc.collect()

    def end(self) -> None:
        """Return to Python's own ways."""
        self._timer.stop()
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()
