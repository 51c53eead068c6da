"""What a machine has, in words: sections for the page's cards and for the text that is copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.machine import gpu_use
from engine.machine.facts import Cpu, Device, Disk, Gpu, LlamaBuild, Machine, Memory
from engine.quantities import size

_PURPOSES = {"models": "Models folder", "temporary": "Temporary files"}


@dataclass(frozen=True, slots=True)
class Section:
    """One card: a heading, its icon, and pairs of words."""

    heading: str
    icon: str
    facts: tuple[tuple[str, str], ...]


def sections(machine: Machine) -> tuple[Section, ...]:
    return (
        Section("Processor", "machine", tuple(_cpu(machine.cpu))),
        Section("Memory", "memory", tuple(_memory(machine.memory, machine.bandwidth_bytes_s))),
        *(Section(gpu.name, "gpu", tuple(_gpu(gpu))) for gpu in machine.gpus),
        Section("Disk", "disk", tuple(_disk(disk) for disk in machine.disks)),
        Section("Engine", "engine", tuple(_engine(machine.llama))),
        Section("Optional packages", "plus", tuple(_packages(machine))),
    )


def gpu_answer(machine: Machine) -> tuple[str, ...]:
    """Return whether the GPU is used and, if not, why: one sentence or more."""
    return gpu_use.answer(machine)


def gpu_question(machine: Machine) -> str:
    """Return the heading of that answer."""
    if _gpus_used(machine):
        return "Your GPU is used"
    return "Why is my GPU not used?" if machine.gpus else "No GPU is used"


def summary(machine: Machine) -> str:
    """Return the machine in one line: “8 cores · 24 GB memory · NVIDIA GeForce RTX 4090”."""
    cores = machine.cpu.usable_physical_cores
    parts = [f"{cores} core{'s' if cores != 1 else ''}", f"{size(machine.memory.total_bytes)} memory"]
    return " · ".join([*parts, *(gpu.name for gpu in machine.gpus)])


def as_text(machine: Machine) -> str:
    """Return everything as plain text, for a message or a bug report."""
    blocks = [
        (section.heading, *(f"{name}: {words}" for name, words in section.facts)) for section in sections(machine)
    ]
    blocks.append((gpu_question(machine), *gpu_answer(machine)))
    return "\n\n".join([f"Halfbyte on {machine.system}", *("\n  ".join(block) for block in blocks)]) + "\n"


def _gpus_used(machine: Machine) -> list[Device]:
    devices = machine.llama.devices if machine.llama else ()
    return [device for device in devices if device.kind in ("gpu", "igpu")]


def _cpu(cpu: Cpu) -> Iterator[tuple[str, str]]:
    yield "Model", cpu.model
    yield "Cores", _usable(cpu.usable_physical_cores, cpu.physical_cores)
    if cpu.logical_cores != cpu.physical_cores:
        yield "Threads", _usable(cpu.usable_logical_cores, cpu.logical_cores)
    if cpu.performance_cores:
        yield "Kinds", f"{cpu.performance_cores} for performance, {cpu.efficiency_cores} for efficiency"
    yield "Instructions", " ".join(cpu.features) or "none that speed models up"


def _usable(usable: int, present: int) -> str:
    return f"{usable}" if usable == present else f"{usable} of {present} may be used"


def _memory(memory: Memory, bandwidth_bytes_s: float | None) -> Iterator[tuple[str, str]]:
    yield "Free now", f"{size(memory.available_bytes)} of {size(memory.total_bytes)}"
    if memory.limit_bytes:
        yield "Limit", f"{size(memory.limit_bytes)}, set by the container"
    yield "Speed", f"{size(bandwidth_bytes_s)}/s, measured" if bandwidth_bytes_s else "not measured"


def _gpu(gpu: Gpu) -> Iterator[tuple[str, str]]:
    shared = ", shared with the processor" if gpu.unified else ""
    yield "Memory", f"{size(gpu.usable_bytes)} usable of {size(gpu.total_bytes)}{shared}"
    if gpu.bandwidth_bytes_s:
        yield "Speed", f"{size(gpu.bandwidth_bytes_s)}/s"
    if gpu.cores:
        yield "Cores", f"{gpu.cores}"
    if gpu.driver:
        yield "Driver", f"{gpu.driver}, CUDA {gpu.cuda}" if gpu.cuda else gpu.driver
    if gpu.compute_capability:
        yield "Compute capability", gpu.compute_capability


def _disk(disk: Disk) -> tuple[str, str]:
    free = f"{size(disk.free_bytes)} free of {size(disk.total_bytes)}"
    return _PURPOSES.get(disk.purpose, disk.purpose.capitalize()), f"{free}\n{disk.folder}"


def _engine(llama: LlamaBuild | None) -> Iterator[tuple[str, str]]:
    if llama is None:
        yield "llama.cpp", "did not answer"
        return
    yield "llama.cpp", llama.version
    yield "Runs on", ", ".join(device.description or device.name for device in llama.devices) or "nothing"
    yield "Back ends", ", ".join(llama.backends) or "none"


def _packages(machine: Machine) -> Iterator[tuple[str, str]]:
    installed = {name: version for name, version in machine.packages.items() if version}
    absent = [name for name, version in machine.packages.items() if not version]
    yield from installed.items()
    if absent:
        yield "Not installed", ", ".join(absent)
