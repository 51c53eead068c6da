"""All readers of this stage together, and one value out of what they found.

It takes its sources and folders from outside: tests replay recorded machines, :mod:`engine.machine.probe` looks at
this one.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.events import Finished, Progress
from engine.machine import (
    apple,
    bandwidth,
    cpu,
    disks,
    gpu_use,
    gpus,
    linux_gpus,
    llama,
    memory,
    nvidia,
    packages,
    windows_gpus,
)
from engine.machine.facts import Gpu, LlamaBuild, Machine, Memory, Missing
from engine.machine.parts import Outcome, Part, run
from engine.machine.sources import Sources

PROCESSOR, MEMORY, DISKS, NVIDIA = "processor", "memory", "disks", "NVIDIA driver"
GRAPHICS, LLAMA, PACKAGES, BANDWIDTH = "graphics processors", "llama.cpp", "packages", "memory bandwidth"
NVIDIA_LIMIT_S = 8.0  # servers without persistence mode start their cards first


@dataclasses.dataclass(frozen=True, slots=True)
class Places:
    """The folders that a probe looks at and writes to."""

    disks: dict[str, Path]
    bandwidth_file: Path


def look(
    sources: Sources, places: Places, *, measure_bandwidth: bool = True, stop: threading.Event | None = None
) -> Iterator[Progress | Finished]:
    """Yield progress with the name of each part that is done, then the machine; less of it if ``stop`` is set."""
    stop = stop or threading.Event()
    first = _parts(sources, places)
    total = len(first) + measure_bandwidth
    outcomes: dict[str, Outcome] = {}
    for outcome in run(first, stop):
        outcomes[outcome.name] = outcome
        yield Progress(outcome.name, len(outcomes), total, "steps")
    machine = assemble(sources, outcomes)
    if measure_bandwidth:  # after the others, because they would take processor time from it
        for outcome in run([_bandwidth(sources, places, machine)], stop):
            outcomes[outcome.name] = outcome
            yield Progress(outcome.name, total, total, "steps")
        machine = assemble(sources, outcomes)
    yield Finished(machine)


def _parts(sources: Sources, places: Places) -> list[Part]:
    # A CUDA build of llama.cpp takes some hundred MB on each card when it is asked: what is free is read before.
    counted = threading.Event()

    def read_nvidia() -> tuple[tuple[Gpu, ...], tuple[Missing, ...]]:
        try:
            return nvidia.read(sources)
        finally:
            counted.set()

    def read_llama() -> LlamaBuild:
        counted.wait(NVIDIA_LIMIT_S)
        return llama.read(sources)

    return [
        Part(PROCESSOR, 4.0, lambda: cpu.read(sources)),
        Part(MEMORY, 2.0, lambda: memory.read(sources)),
        Part(DISKS, 3.0, lambda: disks.read(sources, places.disks)),
        Part(NVIDIA, NVIDIA_LIMIT_S, read_nvidia),
        Part(GRAPHICS, 8.0, lambda: _graphics(sources)),
        Part(LLAMA, NVIDIA_LIMIT_S + llama.LIMIT_S + 2, read_llama),
        Part(PACKAGES, 3.0, lambda: packages.read(sources)),
    ]


def _graphics(sources: Sources) -> tuple[tuple[Gpu, ...], tuple[Missing, ...]]:
    if sources.system == "Darwin":
        return apple.read(sources)
    if sources.system == "Windows":
        return tuple(gpu for gpu in windows_gpus.read(sources) if gpu.vendor != "nvidia"), ()
    return linux_gpus.read(sources)


def _bandwidth(sources: Sources, places: Places, machine: Machine) -> Part:
    return Part(
        BANDWIDTH,
        bandwidth.LIMIT_S + 2,
        lambda: bandwidth.read(sources, machine.cpu, machine.memory, places.bandwidth_file),
    )


def assemble(sources: Sources, outcomes: dict[str, Outcome]) -> Machine:
    """Make one value of what the parts found; one that failed leaves its place empty and a row in ``missing``."""

    def value(name: str, otherwise: Any) -> Any:
        outcome = outcomes.get(name)
        return otherwise if outcome is None or outcome.missing else outcome.value

    nvidia_gpus, no_nvidia = value(NVIDIA, ((), ()))
    other_gpus, no_graphics = value(GRAPHICS, ((), ()))
    rooms, no_disks = value(DISKS, ((), ()))
    build = value(LLAMA, None)
    failed = tuple(outcome.missing for outcome in outcomes.values() if outcome.missing)
    machine = Machine(
        system=sources.system,
        cpu=value(PROCESSOR, cpu.unknown(sources)),
        memory=value(MEMORY, Memory(0, 0)),
        disks=rooms,
        gpus=gpus.merged((*nvidia_gpus, *other_gpus), build),
        llama=build,
        packages=value(PACKAGES, {}),
        bandwidth_bytes_s=value(BANDWIDTH, None),
        missing=(*failed, *no_nvidia, *no_graphics, *no_disks),
    )
    return dataclasses.replace(machine, missing=(*machine.missing, *gpu_use.why_not(machine)))
