"""AMD and Intel graphics on Linux, as the kernel's drivers report them.

Sources: the kernel's Documentation/gpu/amdgpu (``mem_info_vram_total``, ``mem_info_vram_used``, ``mem_info_gtt_total``)
and Documentation/gpu/drivers; neither i915 nor xe tells the size of an Intel card's memory outside debugfs.
"""

from __future__ import annotations

import re

from engine.machine import pci
from engine.machine.facts import Gpu, Missing
from engine.machine.pci import Display
from engine.machine.sources import Sources
from engine.machine.text import whole

_DRIVERS = {"amd": ("amdgpu",), "intel": ("i915", "xe")}
# What libdrm's table calls the graphics of AMD's processors; cards are “RX …”, “Pro …”, “Instinct …”.
_AMD_INTEGRATED = re.compile(
    r"Radeon(\(TM\))?( R\d| Vega \d+| \d{3,4}[MS])?( Mobile)? Graphics|Radeon \d{3}M\b|Radeon 80[56]0S"
)
_INTEL_ROOT_BUS = "0000:00:02.0"  # where Intel's processors have their own graphics


def read(sources: Sources) -> tuple[tuple[Gpu, ...], tuple[Missing, ...]]:
    """Return the AMD and Intel graphics, and why those that cannot be used cannot."""
    gpus, missing = [], []
    for display in pci.displays(sources):
        if display.vendor not in _DRIVERS:
            continue
        name = pci.name(sources, display)
        gpus.append(_gpu(sources, display, name))
        missing += _obstacles(sources, display, name)
    return tuple(gpus), tuple(missing)


def _gpu(sources: Sources, display: Display, name: str) -> Gpu:
    def read_bytes(file: str) -> int:
        return whole(sources.text(f"{display.folder}/{file}")) or 0

    total, used = read_bytes("mem_info_vram_total"), read_bytes("mem_info_vram_used")
    unified = display.address == _INTEL_ROOT_BUS or bool(display.vendor == "amd" and _AMD_INTEGRATED.search(name))
    if unified:  # the part of main memory that the driver may map for it
        total, used = read_bytes("mem_info_gtt_total"), read_bytes("mem_info_gtt_used")
    return Gpu(
        display.vendor,
        name,
        total,
        max(0, total - used),
        unified=unified,
        driver=display.driver,
        pci=display.address,
    )


def _obstacles(sources: Sources, display: Display, name: str) -> list[Missing]:
    if display.driver not in _DRIVERS[display.vendor]:
        found = f"the driver {display.driver}" if display.driver else "no driver"
        wanted = " or ".join(_DRIVERS[display.vendor])
        return [
            Missing(
                name,
                f"The card is in this computer, but {found} has it; {wanted} is needed.",
                f"Install a newer kernel and the distribution's firmware package, so that {wanted} takes the card.",
            )
        ]
    nodes = [node for node in sources.names("/dev/dri") if node.startswith("renderD")]
    if not nodes:
        return [
            Missing(
                name,
                "There is no /dev/dri here, so programs cannot reach the card; in a container this is usual.",
                "Start the container with --device /dev/dri.",
            )
        ]
    if not any(sources.may_use(f"/dev/dri/{node}") for node in nodes):
        return [
            Missing(
                name,
                "This user may not use the card: /dev/dri/" + nodes[0] + " belongs to another group.",
                "Add yourself to the group “render” (sudo usermod -aG render $USER), then log in again.",
            )
        ]
    return []
