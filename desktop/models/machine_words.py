"""What a machine has, in words: sections for the page's cards and for the text that is copied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import number, size
from engine.machine import gpu_parts, gpu_use
from engine.machine.facts import Cpu, Device, Disk, Gpu, GpuPart, LlamaBuild, Machine, Memory

_PURPOSES = {"models": QT_TR_NOOP("Models folder"), "temporary": QT_TR_NOOP("Temporary files")}


@dataclass(frozen=True, slots=True)
class Section:
    """One card: a heading, its icon, and pairs of words."""

    heading: str
    icon: str
    facts: tuple[tuple[str, str], ...]


def sections(machine: Machine) -> tuple[Section, ...]:
    return (
        Section(tr("Processor"), "machine", tuple(_cpu(machine.cpu))),
        Section(tr("Memory"), "memory", tuple(_memory(machine.memory, machine.bandwidth_bytes_s))),
        *(Section(gpu.label, "gpu", tuple(_gpu(gpu))) for gpu in machine.gpus),
        Section(tr("Disk"), "disk", tuple(_disk(disk) for disk in machine.disks)),
        Section(tr("Engine"), "engine", tuple(_engine(machine.llama))),
        *_gpu_parts(machine.llama),
        Section(tr("Optional packages"), "plus", tuple(_packages(machine))),
    )


def gpu_answer(machine: Machine) -> tuple[str, ...]:
    """Return whether the GPU is used and, if not, why: one sentence or more."""
    return gpu_use.answer(machine)


def gpu_question(machine: Machine) -> str:
    """Return the heading of that answer."""
    if _gpus_used(machine):
        return tr("Your GPU is used")
    return tr("Why is my GPU not used?") if machine.gpus else tr("No GPU is used")


def summary(machine: Machine) -> str:
    """Return the machine in one line: “8 cores · 24 GB memory · NVIDIA GeForce RTX 4090”."""
    cores = machine.cpu.usable_physical_cores
    parts = [
        tr("%Ln core(s)", "", cores),
        tr("{size} memory").format(size=size(machine.memory.total_bytes)),
    ]
    return " · ".join([*parts, *(gpu.name for gpu in machine.gpus)])


def as_text(machine: Machine) -> str:
    """Return everything as plain text, for a message or a bug report."""
    blocks = [
        (section.heading, *(f"{name}: {words}" for name, words in section.facts)) for section in sections(machine)
    ]
    blocks.append((gpu_question(machine), *gpu_answer(machine)))
    return (
        "\n\n".join(
            [tr("Halfbyte on {system}").format(system=machine.system), *("\n  ".join(block) for block in blocks)]
        )
        + "\n"
    )


def _gpus_used(machine: Machine) -> list[Device]:
    devices = machine.llama.devices if machine.llama else ()
    return [device for device in devices if device.kind in ("gpu", "igpu")]


def _cpu(cpu: Cpu) -> Iterator[tuple[str, str]]:
    yield tr("Model"), cpu.model
    yield tr("Cores"), _usable(cpu.usable_physical_cores, cpu.physical_cores)
    if cpu.logical_cores != cpu.physical_cores:
        yield tr("Threads"), _usable(cpu.usable_logical_cores, cpu.logical_cores)
    if cpu.performance_cores:
        yield (
            tr("Kinds"),
            tr("{fast} for performance, {frugal} for efficiency").format(
                fast=cpu.performance_cores, frugal=cpu.efficiency_cores
            ),
        )
    yield tr("Instructions"), " ".join(cpu.features) or tr("none that speed models up")


def _usable(usable: int, present: int) -> str:
    if usable == present:
        return number(usable)
    return tr("{usable} of {present} may be used").format(usable=number(usable), present=number(present))


def _memory(memory: Memory, bandwidth_bytes_s: float | None) -> Iterator[tuple[str, str]]:
    yield (
        tr("Free now"),
        tr("{available} of {total}").format(available=size(memory.available_bytes), total=size(memory.total_bytes)),
    )
    if memory.limit_bytes:
        yield tr("Limit"), tr("{size}, set by the container").format(size=size(memory.limit_bytes))
    yield (
        tr("Speed"),
        tr("{size}/s, measured").format(size=size(bandwidth_bytes_s)) if bandwidth_bytes_s else tr("not measured"),
    )


def _gpu(gpu: Gpu) -> Iterator[tuple[str, str]]:
    of_memory = (
        tr("{usable} usable of {total}, shared with the processor") if gpu.unified else tr("{usable} usable of {total}")
    )
    yield tr("Memory"), of_memory.format(usable=size(gpu.usable_bytes), total=size(gpu.total_bytes))
    if gpu.bandwidth_bytes_s:
        yield tr("Speed"), tr("{size}/s").format(size=size(gpu.bandwidth_bytes_s))
    if gpu.cores:
        yield tr("Cores"), number(gpu.cores)
    if gpu.driver:
        yield tr("Driver"), f"{gpu.driver}, CUDA {gpu.cuda}" if gpu.cuda else gpu.driver
    if gpu.compute_capability:
        yield tr("Compute capability"), gpu.compute_capability


def _disk(disk: Disk) -> tuple[str, str]:
    free = tr("{free} free of {total}").format(free=size(disk.free_bytes), total=size(disk.total_bytes))
    purpose = tr(_PURPOSES[disk.purpose]) if disk.purpose in _PURPOSES else disk.purpose.capitalize()
    return purpose, f"{free}\n{disk.folder}"


def _engine(llama: LlamaBuild | None) -> Iterator[tuple[str, str]]:
    if llama is None:
        yield "llama.cpp", tr("did not answer")
        return
    yield "llama.cpp", llama.version
    yield tr("Runs on"), ", ".join(device.description or device.name for device in llama.devices) or tr("nothing")
    yield tr("Back ends"), ", ".join(llama.backends) or tr("none")


def _gpu_parts(llama: LlamaBuild | None) -> Iterator[Section]:
    if llama and llama.parts:
        rows = [_gpu_part(part) for part in llama.parts]
        if absent := next((part for part in llama.parts if part.state == "absent"), None):
            place = tr("Unpack it into {folder}; the README's “GPU parts” has more.")
            rows.append((tr("To add one"), place.format(folder=Path(absent.file).parents[1])))
        yield Section(tr("Optional GPU parts"), "gpu", tuple(rows))


def _gpu_part(part: GpuPart) -> tuple[str, str]:
    name = gpu_parts.KINDS[part.kind]
    if part.state == "absent":
        return name, tr("not installed")
    if part.state == "loaded":
        return name, "\n".join((tr("loaded"), part.file))
    return name, "\n".join(filter(None, (part.reason, part.hint)))


def _packages(machine: Machine) -> Iterator[tuple[str, str]]:
    installed = {name: version for name, version in machine.packages.items() if version}
    absent = [name for name, version in machine.packages.items() if not version]
    yield from installed.items()
    if absent:
        yield tr("Not installed"), ", ".join(absent)
