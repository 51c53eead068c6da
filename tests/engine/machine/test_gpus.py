from __future__ import annotations

from engine.machine import linux_gpus, pci
from engine.machine.facts import Device, Gpu, LlamaBuild
from engine.machine.gpus import merged
from tests.helpers.recorded import Recorded

ARC = "/sys/bus/pci/devices/0000:03:00.0"
ARC_FILES = {f"{ARC}/class": "0x030000", f"{ARC}/vendor": "0x8086", f"{ARC}/device": "0x56a0"}


def build(*devices: Device) -> LlamaBuild:
    return LlamaBuild("1", ("Vulkan", "CPU"), devices, True)


def vulkan(number: int, description: str, kind: str = "gpu", address: str = "") -> Device:
    return Device(f"Vulkan{number}", description, "Vulkan", kind, 16, 12, address)


def test_llama_cpp_tells_the_size_that_intels_driver_does_not() -> None:
    arc = Gpu("intel", "Intel Arc A770", 0, 0, pci="0000:03:00.0")
    (gpu,) = merged((arc,), build(vulkan(0, "Intel(R) Arc(tm) A770 Graphics (DG2)", address="0000:03:00.0")))
    assert (gpu.name, gpu.total_bytes, gpu.usable_bytes) == ("Intel Arc A770", 16, 12)


def test_cards_are_told_apart_by_their_address_and_not_by_their_order() -> None:
    near, far = Gpu("intel", "Intel Arc", 0, 0, pci="0000:03:00.0"), Gpu("intel", "Intel Arc", 0, 0, pci="0000:07:00.0")
    devices = (
        Device("Vulkan0", "Intel Arc", "Vulkan", "gpu", 16, 12, "0000:07:00.0"),
        Device("Vulkan1", "Intel Arc", "Vulkan", "gpu", 8, 6, "0000:03:00.0"),
    )
    assert [gpu.total_bytes for gpu in merged((near, far), build(*devices))] == [8, 16]


def test_equal_cards_without_addresses_get_one_device_each() -> None:
    arc = Gpu("intel", "Intel Arc", 0, 0)
    devices = (
        Device("Vulkan0", "Intel Arc", "Vulkan", "gpu", 16, 12),
        Device("Vulkan1", "Intel Arc", "Vulkan", "gpu", 8, 6),
    )
    assert [gpu.total_bytes for gpu in merged((arc, arc), build(*devices))] == [16, 8]


def test_a_card_that_only_llama_cpp_sees_is_added() -> None:
    (gpu,) = merged((), build(vulkan(0, "AMD Radeon RX 6600 (RADV NAVI23)")))
    assert (gpu.vendor, gpu.total_bytes) == ("amd", 16)


def test_one_card_in_two_back_ends_stays_one() -> None:
    rtx = Gpu("nvidia", "NVIDIA GeForce RTX 3060", 12, 10, pci="0000:01:00.0")
    cuda = Device("CUDA0", rtx.name, "CUDA", "gpu", 12, 10, "0000:01:00.0")
    assert merged((rtx,), build(cuda, vulkan(0, rtx.name, address="0000:01:00.0"))) == (rtx,)


def test_two_equal_cards_stay_two() -> None:
    rtx = Gpu("nvidia", "NVIDIA GeForce RTX 3090", 24, 20)
    assert merged((rtx, rtx), build(vulkan(0, rtx.name), vulkan(1, rtx.name))) == (rtx, rtx)


def test_a_processors_graphics_are_not_taken_for_the_card_beside_them() -> None:
    card = Gpu("amd", "AMD Radeon RX 7800 XT", 16, 14)
    gpus = merged((card,), build(vulkan(0, "AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)", "igpu")))
    assert [gpu.unified for gpu in gpus] == [False, True]


def test_software_devices_are_no_cards() -> None:
    assert merged((), build(vulkan(0, "llvmpipe (LLVM 15.0.7, 256 bits)", "cpu"))) == ()


def test_a_card_without_its_driver_is_told() -> None:
    gpus, (row,) = linux_gpus.read(Recorded({"files": ARC_FILES}))
    assert gpus[0].vendor == "intel"
    assert "no driver has it; i915 or xe is needed" in row.reason


def test_a_container_without_the_device_files() -> None:
    _, (row,) = linux_gpus.read(Recorded({"files": ARC_FILES, "links": {f"{ARC}/driver": "xe"}}))
    assert "--device /dev/dri" in row.hint


def test_a_user_outside_the_group() -> None:
    files = {**ARC_FILES, "/dev/dri/renderD128": ""}
    _, (row,) = linux_gpus.read(Recorded({"files": files, "links": {f"{ARC}/driver": "xe"}}))
    assert "usermod -aG render" in row.hint


def test_a_card_that_may_be_used_has_no_row() -> None:
    case = Recorded({"files": ARC_FILES, "links": {f"{ARC}/driver": "xe"}, "usable": ["/dev/dri/renderD128"]})
    assert linux_gpus.read(case)[1] == ()


def test_amds_own_graphics_use_main_memory() -> None:
    """radeontop issue 163: 512 MiB set aside, 7695 MiB that the driver may map."""
    folder = "/sys/bus/pci/devices/0000:04:00.0"
    files = {
        f"{folder}/class": "0x030000",
        f"{folder}/vendor": "0x1002",
        f"{folder}/device": "0x1638",
        f"{folder}/revision": "0xc4",
        f"{folder}/mem_info_vram_total": str(512 * 1024**2),
        f"{folder}/mem_info_gtt_total": str(7695 * 1024**2),
        "/usr/share/libdrm/amdgpu.ids": "1638,\tC4,\tAMD Radeon Graphics\n",
    }
    case = Recorded({"files": files, "links": {f"{folder}/driver": "amdgpu"}, "usable": ["/dev/dri/renderD128"]})
    (gpu,), _ = linux_gpus.read(case)
    assert gpu.unified
    assert gpu.total_bytes == 7695 * 1024**2


def test_a_device_is_looked_up_under_its_own_vendor() -> None:
    table = "1002  AMD\n\t2684  Not this one\n10de  NVIDIA Corporation\n\t2684  AD102 [GeForce RTX 4090]\n"
    assert pci.pci_name(table, 0x10DE, 0x2684) == "AD102 [GeForce RTX 4090]"
    assert pci.pci_name(table, 0x8086, 0x2684) == ""
    assert pci.pci_name(table, 0x1002, 0x9999) == ""
