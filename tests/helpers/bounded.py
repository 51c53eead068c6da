"""Runs something within bounds of time and memory, in this process; POSIX only."""

from __future__ import annotations

import contextlib
import resource
import signal
from collections.abc import Iterator
from types import FrameType

import psutil


class TooSlow(Exception):
    """Say that the time is up."""


@contextlib.contextmanager
def bounded(seconds: float, extra_bytes: int) -> Iterator[None]:
    """Let the block take so long, and so much address space more than now: :class:`TooSlow`, ``MemoryError``."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    now_bytes = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (now_bytes + extra_bytes, before[1]))
    handler = signal.signal(signal.SIGALRM, _up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _up(signal_number: int, frame: FrameType | None) -> None:
    raise TooSlow
