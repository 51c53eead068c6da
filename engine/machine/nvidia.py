"""NVIDIA graphics: what NVML's values mean, and why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from engine.machine import nvidia_smi, nvml, pci, windows_gpus
from engine.machine.cuda_cards import bare, chosen
from engine.machine.facts import Gpu, Missing
from engine.machine.sources import Live, Sources
from engine.machine.unavailable import Unavailable

WHAT = "NVIDIA driver"
_DRIVER_HINT = "Install NVIDIA's driver for this card, then restart the computer."


def read(sources: Sources) -> tuple[tuple[Gpu, ...], tuple[Missing, ...]]:
    """Return the NVIDIA cards; where NVML shows none although there is one, return why."""
    if sources.system == "Darwin":
        return (), ()
    try:
        return _of(sources, sources.nvml()), ()
    except Unavailable as failure:
        return _without_library(sources, failure)


def freest() -> Gpu | None:
    """Return the card that PyTorch is to compute on if it starts now; ``None`` without one."""
    return chosen(read(Live())[0])


def _without_library(sources: Sources, failure: Unavailable) -> tuple[tuple[Gpu, ...], tuple[Missing, ...]]:
    try:
        return _of(sources, nvidia_smi.read(sources)), ()
    except Unavailable:
        cards = _cards(sources)
        return (), (explain(failure, cards, sources),) if cards or wsl(sources) else ()


def _of(sources: Sources, values: Mapping[str, Any]) -> tuple[Gpu, ...]:
    unified = any(not device.get("total_bytes") for device in values.get("devices") or ())
    cards = gpus(values, sources.memory() if unified else (0, 0))
    try:
        shown = sources.cuda_cards(cards)
    except Unavailable:  # some are hidden, and nobody knows which
        return tuple(replace(card, number=None) for card in cards)
    if shown is None:
        return cards
    return tuple(replace(card, hidden=bool(card.uuid) and bare(card.uuid) not in shown) for card in cards)


def gpus(values: Mapping[str, Any], main_memory: tuple[int, int] = (0, 0)) -> tuple[Gpu, ...]:
    """Turn NVML's values into cards.

    A chip without memory of its own (GB10, Jetson) tells no size: it uses ``main_memory`` (total, available; bytes).
    """
    driver, cuda = str(values.get("driver") or ""), cuda_version(values.get("cuda"))
    cards = tuple(_gpu(device, driver, cuda, main_memory) for device in values.get("devices") or ())
    return cards if len(cards) > 1 else tuple(replace(card, number=None) for card in cards)


def _gpu(device: Mapping[str, Any], driver: str, cuda: str, main_memory: tuple[int, int]) -> Gpu:
    unified = not device.get("total_bytes")
    total, free = main_memory if unified else (device["total_bytes"], device.get("free_bytes") or 0)
    capability = device.get("capability")
    return Gpu(
        "nvidia",
        device.get("name") or "NVIDIA graphics processor",
        total,
        free,
        unified=unified,
        compute_capability=f"{capability[0]}.{capability[1]}" if capability else "",
        driver=driver,
        cuda=cuda,
        bandwidth_bytes_s=bandwidth_bytes_s(device),
        pci=address(device.get("pci") or ""),
        uuid=device.get("uuid") or "",
        number=device.get("index"),
    )


def bandwidth_bytes_s(device: Mapping[str, Any]) -> float | None:
    """Return the memory's peak bandwidth: bus width times twice its clock, because it moves data on both edges.

    Source: CUDA's deviceQuery and bandwidth samples (``2 * memoryClockRate * memoryBusWidth / 8``). It gives 1,008 GB/s
    for an RTX 4090 (384 bit, 10,501 MHz) and 2,039 GB/s for an A100 80 GB (5,120 bit, 1,593 MHz), as published.
    """
    bits, mhz = device.get("bus_bits"), device.get("memory_mhz")
    if not bits or not mhz:
        return None
    of_card = bits / 8 * 2 * mhz * 1e6
    share = device["total_bytes"] / device["of"] if device.get("mig") and device.get("of") else 1
    return of_card * share


def cuda_version(number: int | None) -> str:
    """Return ``12.8`` for 12080 (cuda.h, ``CUDA_VERSION``)."""
    return f"{number // 1000}.{number % 1000 // 10}" if number else ""


def address(bus_id: str) -> str:
    """Return a bus address as Linux writes it: NVML writes eight digits of domain, Linux four."""
    domain, separator, rest = bus_id.lower().partition(":")
    return f"{domain[-4:]}:{rest}" if separator else ""


def wsl(sources: Sources) -> bool:
    """Tell whether this is Windows' Subsystem for Linux, which has the cards of Windows without a PCI bus."""
    return "microsoft" in sources.text("/proc/version").lower()


def _cards(sources: Sources) -> tuple[str, ...]:
    """Return the names of NVIDIA cards that the system sees, driver or not."""
    if sources.system == "Windows":
        return tuple(gpu.name for gpu in windows_gpus.read(sources) if gpu.vendor == "nvidia")
    return tuple(pci.name(sources, display) for display in pci.displays(sources) if display.vendor == "nvidia")


def explain(failure: Unavailable, cards: tuple[str, ...], sources: Sources) -> Missing:
    """Say why NVML shows no card, and what to do."""
    card = cards[0] if cards else "an NVIDIA card"
    if failure.code == nvml.VERSION_MISMATCH:
        return Missing(
            WHAT,
            f"The driver of {card} was updated, and its old part still runs in the kernel.",
            "Restart the computer.",
        )
    if failure.code == nvml.NO_PERMISSION:
        return Missing(
            WHAT,
            f"This user may not use {card}.",
            "Add yourself to the group that owns /dev/nvidia0 (often “video”), then log in again.",
        )
    if wsl(sources):
        return Missing(
            WHAT,
            "This is Linux inside Windows (WSL), and it shows no NVIDIA card.",
            "If the computer has one, install NVIDIA's driver in Windows, not inside WSL, then run: wsl --shutdown",
        )
    if failure.code in (nvml.LIBRARY_NOT_FOUND, nvml.DRIVER_NOT_LOADED):
        return _no_driver(card, sources)
    return Missing(WHAT, f"{card} is in this computer, but its driver does not answer. {failure.reason}", _DRIVER_HINT)


def _no_driver(card: str, sources: Sources) -> Missing:
    drivers = {display.driver for display in pci.displays(sources) if display.vendor == "nvidia"}
    if sources.text("/proc/driver/nvidia/version"):
        return Missing(
            WHAT,
            f"{card} has its driver, but programs here cannot reach it; in a container this is usual.",
            "Start the container with --gpus all (NVIDIA Container Toolkit).",
        )
    if "nouveau" in drivers:
        return Missing(
            WHAT,
            f"{card} runs with the open driver “nouveau”, which cannot compute.",
            _DRIVER_HINT,
        )
    if "vfio-pci" in drivers:
        return Missing(
            WHAT,
            f"{card} is set aside for a virtual machine (vfio-pci).",
            "Give the card back to this system, or run Halfbyte in that virtual machine.",
        )
    return Missing(WHAT, f"{card} is in this computer, but NVIDIA's driver is not installed.", _DRIVER_HINT)
