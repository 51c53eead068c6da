"""``nvidia-smi -q -x``: the second way to NVIDIA's values, where its library cannot be loaded into this process."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from typing import Any

from engine.machine.sources import Sources
from engine.machine.text import leading
from engine.machine.unavailable import Unavailable

MIB = 1024**2
# WSL keeps the program where not every shell looks.
_PROGRAMS = ("nvidia-smi", "/usr/lib/wsl/lib/nvidia-smi")


def read(sources: Sources) -> Mapping[str, Any]:
    """Return values in the form of :mod:`engine.machine.nvml`. Raises :class:`Unavailable` if there are none."""
    for program in _PROGRAMS:
        try:
            values = parse(sources.output(program, "-q", "-x"))
        except Unavailable:
            continue
        if values["devices"]:
            return values
    raise Unavailable("nvidia-smi shows no card.")


def parse(xml: str) -> dict[str, Any]:
    """Return the values of the XML log; it tells neither the compute capability nor the width of the memory bus."""
    try:
        log = ElementTree.fromstring(xml.strip())
    except (ElementTree.ParseError, ValueError):
        return {"driver": None, "cuda": None, "devices": []}
    cuda = log.findtext("cuda_umd_version") or log.findtext("cuda_version") or ""  # the first since driver 595
    major, _, minor = cuda.partition(".")
    return {
        "driver": log.findtext("driver_version"),
        "cuda": (leading(major) or 0) * 1000 + (leading(minor) or 0) * 10 or None,
        "devices": [device for index, gpu in enumerate(log.iter("gpu")) for device in _devices(gpu, index)],
    }


def _devices(gpu: ElementTree.Element, index: int) -> Iterator[dict[str, Any]]:
    """Yield a card, or the instances that it is divided into."""
    card = {
        "name": gpu.findtext("product_name"),
        "capability": None,
        "bus_bits": None,
        "memory_mhz": leading(gpu.findtext("max_clocks/mem_clock")),
        "pci": gpu.get("id") or gpu.findtext("pci/pci_bus_id"),
        "index": index,
    }
    divided = gpu.findtext("mig_mode/current_mig") == "Enabled"
    for part in (divided and gpu.findall("mig_devices/mig_device")) or [gpu]:
        memory = {name: _mib(part, f"fb_memory_usage/{name}") for name in ("total", "free")}
        of_part = {"uuid": part.findtext("uuid"), "mig": part is not gpu}  # it tells none of an instance
        yield {**card, "total_bytes": memory["total"], "free_bytes": memory["free"], **of_part}


def _mib(gpu: ElementTree.Element, path: str) -> int | None:
    size = leading(gpu.findtext(path))
    return None if size is None else size * MIB
