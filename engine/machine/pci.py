"""Graphics processors on the PCI bus (Linux), whether or not a driver uses them.

Sources: the kernel's Documentation/ABI/testing/sysfs-bus-pci; class codes of the PCI specification (03: display).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engine.machine.sources import Sources
from engine.machine.text import hexadecimal

BUS = "/sys/bus/pci/devices"
VENDORS = {0x10DE: "nvidia", 0x1002: "amd", 0x8086: "intel"}
_DISPLAY = 0x03
_AMD_NAMES = "/usr/share/libdrm/amdgpu.ids"
_PCI_NAMES = ("/usr/share/hwdata/pci.ids", "/usr/share/misc/pci.ids")


@dataclass(frozen=True, slots=True)
class Display:
    """A graphics processor: its address on the bus, and the kernel driver that has it ("": none)."""

    address: str
    vendor: str
    vendor_id: int
    device_id: int
    revision: int
    driver: str

    @property
    def folder(self) -> str:
        return f"{BUS}/{self.address}"


def displays(sources: Sources) -> tuple[Display, ...]:
    """Return the graphics processors of the three vendors, in the order of their addresses."""
    found = []
    for address in sources.names(BUS):
        folder = f"{BUS}/{address}"
        kind = hexadecimal(sources.text(f"{folder}/class"))
        vendor_id = hexadecimal(sources.text(f"{folder}/vendor"))
        if kind is None or kind >> 16 != _DISPLAY or vendor_id not in VENDORS:
            continue
        device_id = hexadecimal(sources.text(f"{folder}/device")) or 0
        revision = hexadecimal(sources.text(f"{folder}/revision")) or 0
        driver = sources.link(f"{folder}/driver")
        found.append(Display(address.lower(), VENDORS[vendor_id], vendor_id, device_id, revision, driver))
    return tuple(found)


def name(sources: Sources, display: Display) -> str:
    """Return a display's name from the tables that the system has, else its vendor and numbers."""
    amd = _amd_name(sources.text(_AMD_NAMES), display) if display.vendor == "amd" else ""
    if amd:
        return amd
    tables = (pci_name(sources.text(path), display.vendor_id, display.device_id) for path in _PCI_NAMES)
    known = next(filter(None, tables), "")
    vendor = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}[display.vendor]
    if known:
        marketing = re.search(r"\[(.+)\]", known)  # “Navi 31 [Radeon RX 7900 XT/7900 XTX]”
        return f"{vendor} {marketing[1] if marketing else known}"
    return f"{vendor} graphics processor ({display.vendor_id:04x}:{display.device_id:04x})"


def _amd_name(table: str, display: Display) -> str:
    """Look a name up by device and revision in libdrm's table: ``744C,	C8,	AMD Radeon RX 7900 XTX``."""
    for line in table.splitlines():
        fields = [field.strip() for field in line.split(",", 2)]
        numbers = tuple(map(hexadecimal, fields[:2]))
        if len(fields) == 3 and numbers == (display.device_id, display.revision):
            return fields[2]
    return ""


def pci_name(table: str, vendor_id: int, device_id: int) -> str:
    """Look a device up in ``pci.ids``: vendors at the line's start, their devices after one tab."""
    start = re.search(rf"^{vendor_id:04x}  .*$", table, re.MULTILINE)
    if not start:
        return ""
    end = re.search(r"^[0-9a-fA-F]", table[start.end() :], re.MULTILINE)
    devices = table[start.end() : start.end() + end.start()] if end else table[start.end() :]
    found = re.search(rf"^\t{device_id:04x}  (.*)$", devices, re.MULTILINE)
    return found[1].strip() if found else ""
