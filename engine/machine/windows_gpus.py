"""AMD, Intel and NVIDIA graphics on Windows, from the registry.

Source: Microsoft, “System-defined device setup classes” (display adapters) and “Registry values of display drivers”;
``HardwareInformation.qwMemorySize`` holds what the 32-bit ``AdapterRAM`` of WMI cannot. Tried on recorded registry
output only.
"""

from __future__ import annotations

import re

from engine.machine import registry
from engine.machine.facts import Gpu
from engine.machine.sources import Sources

KEY = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
_VENDORS = {"VEN_1002": "amd", "VEN_8086": "intel", "VEN_10DE": "nvidia"}
_NAMES = {"amd": r"\bAMD\b|Radeon", "intel": r"\bIntel\b", "nvidia": r"\bNVIDIA\b|GeForce"}
_INTEGRATED = re.compile(r"(UHD|HD|Iris|Arc\(TM\)) Graphics|Radeon\(TM\) (\w+ )?Graphics$|Radeon\(TM\) \d{3}M")


def read(sources: Sources) -> tuple[Gpu, ...]:
    """Return the display adapters of the three vendors. NVIDIA's are for telling why NVML shows none."""
    return parse(sources.output("reg", "query", KEY, "/s"))


def parse(text: str) -> tuple[Gpu, ...]:
    gpus = []
    for key, values in registry.parse(text).items():
        name = registry.words(values.get("DriverDesc"))
        vendor = _vendor(name, registry.words(values.get("MatchingDeviceId")))
        if not vendor or not re.search(r"\\\d{4}$", key):
            continue
        size_bytes = registry.number(values.get("HardwareInformation.qwMemorySize"))
        size_bytes = size_bytes or registry.number(values.get("HardwareInformation.MemorySize"))
        gpus.append(
            Gpu(
                vendor,
                name,
                size_bytes,
                0,  # what is free is not told here
                unified=bool(_INTEGRATED.search(name)),
                driver=registry.words(values.get("DriverVersion")),
            )
        )
    return tuple(gpus)


def _vendor(name: str, device_id: str) -> str:
    by_id = next((vendor for number, vendor in _VENDORS.items() if number in device_id.upper()), "")
    return by_id or next((vendor for vendor, pattern in _NAMES.items() if re.search(pattern, name)), "")
