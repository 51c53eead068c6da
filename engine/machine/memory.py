"""Main memory, a container's limit counted."""

from __future__ import annotations

from engine.machine import cgroup
from engine.machine.facts import Memory
from engine.machine.sources import Sources


def read(sources: Sources) -> Memory:
    total_bytes, available_bytes = sources.memory()
    limits = cgroup.limits(sources) if sources.system == "Linux" else cgroup.Limits()
    if limits.memory_bytes is None or limits.memory_bytes >= total_bytes:
        return Memory(total_bytes, available_bytes)
    left_bytes = available_bytes if limits.left_bytes is None else limits.left_bytes
    return Memory(limits.memory_bytes, min(available_bytes, left_bytes), limits.memory_bytes)
