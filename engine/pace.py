"""Rate and remaining time of a running step, smoothed so that they can be read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from engine.events import Progress

WINDOW_S = 5.0


class Pace:
    """Turn counts into :class:`Progress` with a rate over the last five seconds.

    ``already_done`` (what a resumed job did before) counts as done and not as fast.
    """

    def __init__(
        self,
        step: str,
        total: float | None,
        unit: Literal["bytes", "tokens", "files", "tensors", "steps"] = "bytes",
        already_done: float = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._step = step
        self._total = total
        self._unit: Literal["bytes", "tokens", "files", "tensors", "steps"] = unit
        self._clock = clock
        self._done = already_done
        self._samples: deque[tuple[float, float]] = deque([(clock(), already_done)])

    def at(self, done: float) -> Progress:
        """Return the progress at ``done`` units; the count never runs backwards."""
        now = self._clock()
        self._done = max(self._done, done)
        self._samples.append((now, self._done))
        while len(self._samples) > 2 and now - self._samples[1][0] >= WINDOW_S:
            self._samples.popleft()
        start_s, start_done = self._samples[0]
        elapsed_s = now - start_s
        rate = (self._done - start_done) / elapsed_s if elapsed_s > 0.2 else None
        remaining_s = (self._total - self._done) / rate if rate and self._total is not None else None
        return Progress(self._step, self._done, self._total, self._unit, rate, remaining_s)
