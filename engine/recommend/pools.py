"""The memory that a model may use: on the GPUs that its program can compute on, and in main memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.formats import Family
from engine.machine import cuda_cards
from engine.machine.facts import Device, Gpu, Machine
from engine.machine.gpus import vendor_of
from engine.recommend.runtime_cost import gpu_room_bytes, main_room_bytes

BACKEND_VENDORS = {"CUDA": "nvidia", "ROCm": "amd", "HIP": "amd", "SYCL": "intel", "MTL": "apple", "Metal": "apple"}


@dataclass(frozen=True, slots=True)
class Pool:
    """Memory for a model: ``main_bytes``, and ``gpu_bytes`` of all ``gpus``, which are a part of it if ``unified``.

    The factors are what footprints there are multiplied with (:mod:`engine.recommend.learned`).
    """

    main_bytes: int
    gpus: tuple[Gpu, ...] = ()
    gpu_bytes: int = 0
    main_factor: float = 1.0
    gpu_factor: float = 1.0

    @property
    def unified(self) -> bool:
        return any(gpu.unified for gpu in self.gpus)

    @property
    def slowest(self) -> Gpu | None:
        """Return the GPU whose memory is slowest: the layers of several are computed one after the other."""
        return min(self.gpus, key=lambda gpu: gpu.bandwidth_bytes_s or 0, default=None)

    @property
    def whole_bytes(self) -> int:
        return self.main_bytes if self.unified else self.main_bytes + self.gpu_bytes


def pool(machine: Machine, family: Family) -> Pool:
    """Return the memory for formats of a family; without GPUs that its program can use, main memory alone.

    llama.cpp divides a model over all GPUs; PyTorch computes on one card.
    """
    if family is Family.GGUF:
        gpus = llama_gpus(machine)
    else:
        card = cuda_cards.chosen(machine.gpus)
        gpus = (card,) if card else ()
    return Pool(main_room_bytes(machine), gpus, sum(map(gpu_room_bytes, gpus)))


def nvidia_gpus(machine: Machine) -> tuple[Gpu, ...]:
    """Return the cards that CUDA shows."""
    return tuple(gpu for gpu in machine.gpus if gpu.vendor == "nvidia" and not gpu.hidden)


def llama_gpus(machine: Machine) -> tuple[Gpu, ...]:
    """Return the GPUs that the installed llama.cpp computes on. One built into the processor counts if it is alone."""
    if machine.llama is None or not machine.llama.offload:
        return ()
    devices = [device for device in machine.llama.devices if device.kind == "gpu"]
    devices = devices or [device for device in machine.llama.devices if device.kind == "igpu"]
    vendors = {_vendor(device) for device in devices}
    found = tuple(gpu for gpu in machine.gpus if gpu.vendor in vendors and _among(gpu, devices))
    return tuple(gpu for gpu in found if not gpu.unified) or found


def _among(gpu: Gpu, devices: Sequence[Device]) -> bool:
    """Tell whether llama.cpp sees a card, by its address where all tell theirs: others may be hidden from it."""
    addresses = {device.pci.lower() for device in devices}
    return not gpu.pci or "" in addresses or gpu.pci in addresses


def _vendor(device: Device) -> str:
    return vendor_of(device.description) or BACKEND_VENDORS.get(device.backend, "")
