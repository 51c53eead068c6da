"""What a computer has, as frozen values. Bytes, bytes a second and counts; words only where a person reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cpu:
    """A processor. The usable counts are what affinity and a container's quota leave to this process.

    ``features`` are the instruction sets that llama.cpp has kernels for, in its own names (``AVX2``, ``DOTPROD``).
    """

    model: str
    architecture: str
    physical_cores: int
    logical_cores: int
    usable_physical_cores: int
    usable_logical_cores: int
    features: tuple[str, ...] = ()
    performance_cores: int = 0
    efficiency_cores: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """Main memory. ``limit_bytes`` is a container's limit (``None``: no limit); it is counted in the other two."""

    total_bytes: int
    available_bytes: int
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Disk:
    """The room in one of the app's folders; ``purpose`` says which one (``models``, ``temporary``)."""

    purpose: str
    folder: str
    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics processor as its driver or the system reports it.

    ``unified`` memory is main memory, and ``usable_bytes`` the part that the GPU may use at once (Metal's recommended
    working set); elsewhere it is what is free now. ``number`` is NVIDIA's own (nvidia-smi), where there are several
    cards. ``hidden``: CUDA_VISIBLE_DEVICES keeps CUDA from it.
    """

    vendor: str  # nvidia, amd, intel, apple
    name: str
    total_bytes: int
    usable_bytes: int
    unified: bool = False
    compute_capability: str = ""
    driver: str = ""
    cuda: str = ""  # the newest CUDA version that the driver supports
    bandwidth_bytes_s: float | None = None
    cores: int = 0
    pci: str = ""  # lower-case “domain:bus:device.function”, as llama.cpp writes it
    uuid: str = ""
    number: int | None = None
    hidden: bool = False

    @property
    def label(self) -> str:
        """Return what tells this card from the others: “NVIDIA H200 (GPU 1)”, or its name alone."""
        return self.name if self.number is None else f"{self.name} (GPU {self.number})"


@dataclass(frozen=True, slots=True)
class Device:
    """A device that the installed llama.cpp build can compute on. ``kind``: cpu, gpu, igpu, accel, meta.

    For Metal ``total_bytes`` is the recommended working set and not all of the memory.
    """

    name: str
    description: str
    backend: str
    kind: str
    total_bytes: int = 0
    free_bytes: int = 0
    pci: str = ""


@dataclass(frozen=True, slots=True)
class GpuPart:
    """A back end of llama.cpp that a person may add as a file. ``state``: loaded, absent, failed.

    ``file`` is where it lies, or where it would be found; ``reason`` and ``hint`` say why it is not in use.
    """

    kind: str  # cuda, vulkan
    state: str
    file: str
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class LlamaBuild:
    """What the installed llama.cpp says of itself.

    ``features`` are the instruction sets that its loaded CPU kernels use, in the names of :class:`Cpu`.
    ``shipped`` are the back ends whose library files the build has, loaded or not (``cpu``, ``cuda``).
    ``packaged``: it is that of the packaged app, which nobody can install anew.
    """

    version: str
    backends: tuple[str, ...]
    devices: tuple[Device, ...]
    offload: bool
    system_info: str = ""
    features: tuple[str, ...] = ()
    shipped: tuple[str, ...] = ()
    parts: tuple[GpuPart, ...] = ()
    packaged: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that is not there or not used, and why: what answers “why is my GPU not used?”."""

    what: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything that :func:`engine.machine.probe` found.

    ``packages`` maps each optional package to its version, ``None`` where it is absent. ``bandwidth_bytes_s`` is the
    measured reading speed of main memory, ``None`` until it is measured.
    """

    system: str
    cpu: Cpu
    memory: Memory
    disks: tuple[Disk, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    llama: LlamaBuild | None = None
    packages: Mapping[str, str | None] = field(default_factory=dict)
    bandwidth_bytes_s: float | None = None
    missing: tuple[Missing, ...] = ()
