"""The memory of this process, and what is free."""

from __future__ import annotations

import sys

import psutil

from engine.machine import memory
from engine.machine.sources import Live


def peak_resident_bytes() -> int:
    """Return the most main memory that this process ever held, mapped weights included."""
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def available_bytes() -> int:
    """Return the main memory that is free, a container's limit counted."""
    return memory.read(Live()).available_bytes
