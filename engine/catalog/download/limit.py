"""A limit on how fast everything together is fetched; it may be changed while it is in use."""

from __future__ import annotations

import threading
import time

CATCH_UP_S = 0.2  # what a wait took too long is made up for


class SpeedLimit:
    """Holds callers back so that together they stay below ``bytes_s``; 0 is no limit. Thread-safe."""

    def __init__(self, bytes_s: float = 0) -> None:
        self.bytes_s = bytes_s
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, count: int, stop: threading.Event) -> None:
        """Account for ``count`` bytes that arrived; return when they are due, or at once when stopped."""
        if not self.bytes_s:
            return
        with self._lock:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - CATCH_UP_S) + count / self.bytes_s
            wait_s = self._free_at - now
        if wait_s > 0:
            stop.wait(wait_s)
