"""Apple Silicon: one chip, one memory for processor and graphics."""

from __future__ import annotations

import json
import re
from typing import Any

from engine.machine import cpu
from engine.machine.facts import Gpu, Missing
from engine.machine.sources import Sources
from engine.machine.text import leading, whole
from engine.machine.unavailable import Unavailable

GIB = 1024**3
MIB = 1024**2

ROSETTA = Missing(
    "Apple Silicon",
    "This Python is made for Intel processors and runs translated (Rosetta), several times slower and without the GPU.",
    "Install a Python for Apple Silicon (arm64), and Halfbyte with it.",
)

# GB/s of each chip's memory, and the least GPU cores that a figure holds for, as Apple's technical specifications give
# them (support.apple.com/specs); the same table is used by llama.cpp's discussion 4167 for its measurements.
_BANDWIDTH_GB_S: dict[str, tuple[tuple[int, float], ...]] = {
    "M1": ((0, 68.25),),
    "M1 Pro": ((0, 200),),
    "M1 Max": ((0, 400),),
    "M1 Ultra": ((0, 800),),
    "M2": ((0, 100),),
    "M2 Pro": ((0, 200),),
    "M2 Max": ((0, 400),),
    "M2 Ultra": ((0, 800),),
    "M3": ((0, 100),),
    "M3 Pro": ((0, 150),),
    "M3 Max": ((40, 400), (0, 300)),
    "M3 Ultra": ((0, 819),),
    "M4": ((0, 120),),
    "M4 Pro": ((0, 273),),
    "M4 Max": ((40, 546), (0, 410)),
    "M5": ((0, 153),),
}


def read(sources: Sources) -> tuple[tuple[Gpu, ...], tuple[Missing, ...]]:
    """Return the graphics of a Mac, and what keeps them from being used."""
    values = cpu.darwin_values(sources)
    missing: list[Missing] = [ROSETTA] if values.get("sysctl.proc_translated") == "1" else []
    try:
        profile = sources.output("/usr/sbin/system_profiler", "-json", "SPHardwareDataType", "SPDisplaysDataType")
    except Unavailable as failure:
        profile = ""
        missing.append(Missing("GPU cores", failure.reason, "Their number is only for show; nothing else needs it."))
    total_bytes = whole(values.get("hw.memsize")) or sources.memory()[0]
    cards = displays(profile)
    if not cards and values.get("hw.optional.arm64") == "1":
        cards = ({"sppci_model": values.get("machdep.cpu.brand_string", "Apple GPU")},)
    return tuple(_gpu(card, values, total_bytes) for card in cards), tuple(missing)


def displays(profile: str) -> tuple[dict[str, Any], ...]:
    """Return the graphics of ``system_profiler -json SPDisplaysDataType``."""
    try:
        tables = json.loads(profile)
    except (ValueError, RecursionError):
        return ()
    rows = tables.get("SPDisplaysDataType") if isinstance(tables, dict) else None
    return tuple(row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ()


def _gpu(card: dict[str, Any], values: dict[str, str], total_bytes: int) -> Gpu:
    name = str(card.get("sppci_model") or card.get("_name") or "graphics processor")
    cores = whole(str(card.get("sppci_cores", ""))) or 0
    if "apple" not in f"{name} {card.get('spdisplays_vendor', '')}".lower():
        return _intel_mac(card, name)
    return Gpu(
        "apple",
        name,
        total_bytes,
        working_set_bytes(total_bytes, values),
        unified=True,
        bandwidth_bytes_s=bandwidth_bytes_s(name, cores),
        cores=cores,
    )


def working_set_bytes(total_bytes: int, values: dict[str, str]) -> int:
    """Return how much memory Metal lets the GPU hold at once (``recommendedMaxWorkingSetSize``).

    A limit set by hand counts (``iogpu.wired_limit_mb`` of macOS 14, ``debug.iogpu.wired_limit`` of macOS 13). Else the
    rule seen in llama.cpp's logs: two thirds below 36 GiB (10,922.67 MiB of 16 GiB: llama-cpp-python issue 687;
    21,845.34 MiB of 32 GiB: llama.cpp pull request 2011), three quarters from there on (28,991.03 MB of 36 GiB).
    Newer systems allow a little more (12,713.12 MB of 16 GiB): where llama.cpp's Metal device tells its figure, that
    one is used instead.
    """
    by_hand_mib = whole(values.get("iogpu.wired_limit_mb")) or 0
    by_hand = by_hand_mib * MIB or whole(values.get("debug.iogpu.wired_limit")) or 0
    rule = total_bytes * 3 // 4 if total_bytes >= 36 * GIB else total_bytes * 2 // 3
    return min(by_hand or rule, total_bytes)


def bandwidth_bytes_s(chip: str, gpu_cores: int) -> float | None:
    """Return the memory bandwidth that Apple publishes for a chip; ``None`` for one that is newer than the table."""
    match = re.search(r"\bM\d+(?: (?:Pro|Max|Ultra))?\b", chip)
    rows = _BANDWIDTH_GB_S.get(match[0], ()) if match else ()
    return next((gb_s * 1e9 for least_cores, gb_s in rows if gpu_cores >= least_cores), None)


def _intel_mac(card: dict[str, Any], name: str) -> Gpu:
    size = str(card.get("spdisplays_vram") or card.get("spdisplays_vram_shared") or "")
    unit = GIB if "GB" in size else MIB
    vendor = next((vendor for vendor in ("intel", "nvidia") if vendor in name.lower()), "amd")
    total_bytes = (leading(size) or 0) * unit
    return Gpu(vendor, name, total_bytes, total_bytes, unified="spdisplays_vram_shared" in card)
