"""What the installed llama.cpp build can compute on, asked of the library itself in a worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import WorkerCrashed
from engine.machine import gpu_parts
from engine.machine.facts import Device, GpuPart, LlamaBuild
from engine.machine.sources import Sources

_KILLED = -9  # by us, past the limit, or for its memory: no fault of a part
LIMIT_S = 20.0  # a CUDA build makes a context on each card, and the first start reads the library from a cold disk


def read(sources: Sources) -> LlamaBuild:
    """Return what llama.cpp says of itself. Raises ``EngineError`` if it cannot be loaded or ends the worker.

    Where optional parts end the worker, it is asked once more without them.
    """
    try:
        return from_record(sources.ask("describe_llama", LIMIT_S))
    except WorkerCrashed as crash:
        if crash.details["exit_code"] == _KILLED or not gpu_parts.give_up():
            raise
    return from_record(sources.ask("describe_llama", LIMIT_S))


def from_record(record: Mapping[str, Any]) -> LlamaBuild:
    """Rebuild the value from its JSON form."""
    return LlamaBuild(
        **{
            **record,
            "devices": tuple(Device(**device) for device in record["devices"]),
            "parts": tuple(GpuPart(**part) for part in record.get("parts", ())),
            **{name: tuple(record.get(name, ())) for name in ("backends", "features", "shipped")},
        }
    )
