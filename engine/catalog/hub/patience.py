"""How long to wait before asking again, and when to give up.

Waiting ends at once when the job is stopped. A wait that the server asked for is obeyed as it is; others double each
time, with some chance in them, so that many connections do not come back at the same instant (“Exponential Backoff And
Jitter”, AWS Architecture Blog, 2015: full jitter on the upper half).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import Cancelled, EngineError
from engine.quantities import duration


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits. ``attempts`` counts failures in a row; ``stall_s`` is how long a connection may be silent."""

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    longest_asked_s: float = 900.0  # a longer Retry-After is an answer, not a wait
    connect_s: float = 10.0
    stall_s: float = 15.0


class Again(Exception):
    """Report a failure that may pass; ``error`` is what it becomes if it does not, ``after_s`` what the server asks."""

    def __init__(self, reason: str, error: EngineError, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.after_s = after_s


OnWait = Callable[[str, float], None]


class Retries:
    """Counts failures in a row and waits between them. One for each thing that is being tried."""

    def __init__(self, patience: Patience, stop: threading.Event, on_wait: OnWait | None = None) -> None:
        self._patience = patience
        self._stop = stop
        self._on_wait = on_wait
        self._failures = 0

    def progressed(self) -> None:
        """Forget earlier failures: something arrived."""
        self._failures = 0

    def wait(self, again: Again) -> None:
        """Wait before the next try. Raises the failure's error once patience ends, :class:`Cancelled` if stopped."""
        self._failures += 1
        wait_s = self.wait_s(again)
        if self._failures >= self._patience.attempts or wait_s > self._patience.longest_asked_s:
            raise again.error from again
        if self._on_wait:
            self._on_wait(f"{again.reason}; trying again in {duration(max(1, wait_s))}.", wait_s)
        if self._stop.wait(wait_s):
            raise Cancelled

    def wait_s(self, again: Again) -> float:
        if again.after_s is not None:
            return again.after_s
        longest = min(self._patience.longest_wait_s, self._patience.first_wait_s * 2 ** (self._failures - 1))
        return longest * random.uniform(0.5, 1.0)
