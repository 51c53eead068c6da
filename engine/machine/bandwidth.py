"""The reading speed of main memory, measured once and kept: decoding speed follows from it.

Checked against a C program that sums memory with AVX2 on as many threads, and against ``mbw``: see the tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.machine.facts import Cpu, Memory
from engine.machine.sources import Sources

VERSION = 1  # of the way it is measured: a new one makes old results void
LIMIT_S = 10.0
QUIET = 0.9  # the least part of the time that the readers must have run for the result to be kept
GIB = 1024**3


def read(sources: Sources, cpu: Cpu, memory: Memory, file: Path) -> float:
    """Return bytes a second: what was measured before on this machine, else a new measurement.

    After a measurement beside busy programs the next start measures again.
    """
    key = _key(cpu, memory)
    known = load(file, key)
    if known is not None:
        return known
    record = sources.ask(
        "measure_bandwidth", LIMIT_S, threads=cpu.usable_physical_cores, free_bytes=memory.available_bytes
    )
    bandwidth_bytes_s = statistics.median(record["rates_bytes_s"])
    save(file, key if record["processor_share"] >= QUIET else _busy(key), bandwidth_bytes_s)
    return bandwidth_bytes_s


def kept(cpu: Cpu, memory: Memory, file: Path) -> float | None:
    """Return what was measured last on this machine, busy or not; ``None`` if nothing was."""
    key = _key(cpu, memory)
    return load(file, key) or load(file, _busy(key))


def _busy(key: Mapping[str, Any]) -> dict[str, Any]:
    return {**key, "busy": True}


def _key(cpu: Cpu, memory: Memory) -> dict[str, Any]:
    # in whole GiB: the kernel's own share of memory differs a little from start to start
    size_gib = round(memory.total_bytes / GIB)
    return {"version": VERSION, "cpu": cpu.model, "threads": cpu.usable_physical_cores, "memory_gib": size_gib}


def load(file: Path, key: Mapping[str, Any]) -> float | None:
    """Return the kept result; ``None`` if it is another machine's, or the file is damaged."""
    try:
        record = json.loads(file.read_text("utf-8"))
        same = record["key"] == key
        value = float(record["bandwidth_bytes_s"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return value if same and 0 < value < float("inf") else None


def save(file: Path, key: Mapping[str, Any], bandwidth_bytes_s: float) -> None:
    """Keep a result; a folder that cannot be written only means that it is measured again."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps({"key": key, "bandwidth_bytes_s": bandwidth_bytes_s}) + "\n", "utf-8")
        temporary.replace(file)
