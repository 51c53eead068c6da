"""One list of graphics processors out of three: the drivers', the system's, and llama.cpp's own.

llama.cpp knows cards that the system names badly, and how much memory is free; drivers know the rest.
"""

from __future__ import annotations

import dataclasses
import re

from engine.machine.facts import Device, Gpu, LlamaBuild

_VENDORS = {"nvidia": r"nvidia|geforce|quadro|tesla", "amd": r"amd|radeon", "intel": r"intel", "apple": r"apple"}


def merged(known: tuple[Gpu, ...], llama: LlamaBuild | None) -> tuple[Gpu, ...]:
    """Return the known cards, completed by llama.cpp's devices, and those that only llama.cpp sees."""
    devices = [device for device in llama.devices if device.kind in ("gpu", "igpu")] if llama else []
    gpus = list(known)
    taken: set[int] = set()  # of the known ones; several back ends may show the same card
    for device in devices:
        index = _match(device, gpus, taken)
        if index is None:
            if not any(_same(device, gpu) for gpu in gpus):
                gpus.append(_from_device(device))
            continue
        taken.add(index)
        gpus[index] = _completed(gpus[index], device)
    return tuple(_with_free(gpu) for gpu in gpus)


def _with_free(gpu: Gpu) -> Gpu:
    """Count all of a card's memory as free where nobody tells (Windows' registry)."""
    unknown = not gpu.usable_bytes and gpu.vendor != "nvidia"
    return dataclasses.replace(gpu, usable_bytes=gpu.total_bytes) if unknown else gpu


def vendor_of(text: str) -> str:
    """Return the vendor that a description names, "" if none."""
    return next((vendor for vendor, pattern in _VENDORS.items() if re.search(pattern, text, re.IGNORECASE)), "")


def _match(device: Device, gpus: list[Gpu], taken: set[int]) -> int | None:
    free = [index for index in range(len(gpus)) if index not in taken]
    return next((index for index in free if _same(device, gpus[index])), None)


def _same(device: Device, gpu: Gpu) -> bool:
    """Tell whether both are one card: by its address where both tell it, else by vendor and kind."""
    if device.pci and gpu.pci:
        return device.pci.lower() == gpu.pci
    if gpu.name and gpu.name in device.description:
        return True
    return vendor_of(device.description) == gpu.vendor and (device.kind == "igpu") == gpu.unified


def _completed(gpu: Gpu, device: Device) -> Gpu:
    if gpu.vendor == "apple":  # Metal tells its working set as the total
        return dataclasses.replace(gpu, usable_bytes=device.total_bytes or gpu.usable_bytes)
    return dataclasses.replace(
        gpu,
        unified=gpu.unified or device.kind == "igpu",
        total_bytes=gpu.total_bytes or device.total_bytes,
        usable_bytes=gpu.usable_bytes or device.free_bytes,
    )


def _from_device(device: Device) -> Gpu:
    return Gpu(
        vendor_of(device.description) or "unknown",
        device.description or device.name,
        device.total_bytes,
        device.free_bytes,
        unified=device.kind == "igpu",
        pci=device.pci,
    )
