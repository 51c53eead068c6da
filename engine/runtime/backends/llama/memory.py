"""The memory that is free."""

from __future__ import annotations

from engine.machine import memory
from engine.machine.sources import Live


def available_bytes() -> int:
    """Return the main memory that is free, a container's limit counted."""
    return memory.read(Live()).available_bytes
