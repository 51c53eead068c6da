from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from engine.machine import nvidia, nvidia_smi, nvml
from engine.machine.unavailable import Unavailable
from tests.helpers.recorded import Recorded

PCI = "/sys/bus/pci/devices/0000:01:00.0"
CARD = {
    f"{PCI}/class": "0x030000\n",
    f"{PCI}/vendor": "0x10de\n",
    f"{PCI}/device": "0x2684\n",
    "/usr/share/hwdata/pci.ids": "10de  NVIDIA Corporation\n\t2684  AD102 [GeForce RTX 4090]\n",
}


def computer(error: str, driver: str = "", **files: str) -> Recorded:
    links = {f"{PCI}/driver": driver} if driver else {}
    return Recorded({"files": {**CARD, **files}, "links": links, "nvml": {"error": error}})


@pytest.mark.parametrize(
    ("error", "driver", "files", "reason", "hint"),
    [
        ("LIBRARY_NOT_FOUND", "", {}, "NVIDIA's driver is not installed", "Install NVIDIA's driver"),
        ("LIBRARY_NOT_FOUND", "nouveau", {}, "nouveau", "Install NVIDIA's driver"),
        ("LIBRARY_NOT_FOUND", "vfio-pci", {}, "virtual machine", "Give the card back"),
        (
            "LIBRARY_NOT_FOUND",
            "nvidia",
            {"/proc/driver/nvidia/version": "NVRM version: 550"},
            "container",
            "--gpus all",
        ),
        ("DRIVER_NOT_LOADED", "", {}, "not installed", "Install NVIDIA's driver"),
        ("NO_PERMISSION", "nvidia", {}, "may not use NVIDIA GeForce RTX 4090", "group"),
        ("LIB_RM_VERSION_MISMATCH", "nvidia", {}, "was updated", "Restart the computer"),
        ("UNKNOWN", "nvidia", {}, "does not answer", "Install NVIDIA's driver"),
        ("LIBRARY_NOT_FOUND", "", {"/proc/version": "Linux 5.15-microsoft-standard-WSL2"}, "WSL", "in Windows"),
    ],
)
def test_a_card_that_nvml_does_not_show_is_explained(
    error: str, driver: str, files: dict[str, str], reason: str, hint: str
) -> None:
    gpus, (row,) = nvidia.read(computer(error, driver, **files))
    assert gpus == ()
    assert reason in row.reason
    assert hint in row.hint


def test_a_computer_without_a_card_has_nothing_to_explain() -> None:
    assert nvidia.read(Recorded({"files": {}})) == ((), ())


def test_a_mac_is_not_asked_for_nvml() -> None:
    assert nvidia.read(Recorded({"system": "Darwin"})) == ((), ())


def test_this_computers_library_is_asked_for_real() -> None:
    """Here there is no card; on the GPU machine tests/device/check_nvml.py compares with nvidia-smi."""
    try:
        values = nvml.read()
    except Unavailable as failure:
        assert failure.code in (nvml.LIBRARY_NOT_FOUND, nvml.DRIVER_NOT_LOADED)
        assert failure.reason.endswith(".")
    else:
        assert values["devices"]


class Library:
    """What pynvml answers for one card; ``None`` raises “not supported”."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: Any) -> None:
        usual = {
            "nvmlInit": 0,
            "nvmlShutdown": 0,
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "card",
            "nvmlSystemGetDriverVersion": "550.107.02",
            "nvmlSystemGetCudaDriverVersion_v2": 12040,
            "nvmlDeviceGetName": b"NVIDIA GeForce RTX 4090",
            "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=100, free=60, used=40),
            "nvmlDeviceGetCudaComputeCapability": (8, 9),
            "nvmlDeviceGetMemoryBusWidth": 384,
            "nvmlDeviceGetMaxClockInfo": 10501,
            "nvmlDeviceGetPciInfo": SimpleNamespace(busId="00000000:01:00.0"),
            "nvmlDeviceGetMigMode": None,
        }
        for name, answer in {**usual, **answers}.items():
            monkeypatch.setattr(pynvml, name, self._function(answer))

    @staticmethod
    def _function(answer: Any) -> Any:
        def function(*arguments: Any) -> Any:
            value = answer(*arguments) if callable(answer) else answer
            if value is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return value

        return function


def test_nvmls_values_become_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    Library(monkeypatch)
    (gpu,) = nvidia.gpus(nvml.read())
    assert (gpu.name, gpu.total_bytes, gpu.usable_bytes) == ("NVIDIA GeForce RTX 4090", 100, 60)
    assert (gpu.compute_capability, gpu.driver, gpu.cuda) == ("8.9", "550.107.02", "12.4")
    assert gpu.bandwidth_bytes_s == pytest.approx(1.008e12, rel=0.001)
    assert gpu.pci == "0000:01:00.0"


def test_what_a_card_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = dict.fromkeys(
        ["nvmlDeviceGetMemoryBusWidth", "nvmlDeviceGetMaxClockInfo", "nvmlDeviceGetPciInfo", "nvmlDeviceGetMemoryInfo"]
    )
    Library(monkeypatch, **nothing, nvmlSystemGetCudaDriverVersion_v2=None)
    (gpu,) = nvidia.gpus(nvml.read(), (1000, 500))
    assert gpu.bandwidth_bytes_s is None
    assert (gpu.cuda, gpu.pci) == ("", "")
    assert (gpu.total_bytes, gpu.usable_bytes, gpu.unified) == (1000, 500, True)


def test_a_divided_card_is_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    def memory(handle: str) -> SimpleNamespace:
        return SimpleNamespace(total=800, free=790) if handle == "card" else SimpleNamespace(total=200, free=190)

    Library(
        monkeypatch,
        nvmlDeviceGetMigMode=(1, 1),
        nvmlDeviceGetMaxMigDeviceCount=7,
        nvmlDeviceGetMigDeviceHandleByIndex=lambda card, index: f"part {index}" if index < 2 else None,
        nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetMemoryBusWidth=lambda handle: 5120 if handle == "card" else None,
        nvmlDeviceGetMaxClockInfo=lambda handle, clock: 1593 if handle == "card" else None,
    )
    gpus = nvidia.gpus(nvml.read())
    assert [gpu.total_bytes for gpu in gpus] == [200, 200]
    assert gpus[0].bandwidth_bytes_s == pytest.approx(2039e9 / 4, rel=0.001)


@pytest.mark.parametrize("function", ["nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex"])
def test_a_lost_card_is_a_reason_and_not_an_error(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    def lost(*_: Any) -> Any:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    Library(monkeypatch, **{function: lost})
    with pytest.raises(Unavailable) as failure:
        nvml.read()
    assert failure.value.code == "GPU_IS_LOST"


def test_a_newer_nvidia_smi_names_the_cuda_version_anew() -> None:
    log = "<nvidia_smi_log><cuda_umd_version>13.3</cuda_umd_version><gpu id='0:1:0'/></nvidia_smi_log>"
    assert nvidia_smi.parse(log)["cuda"] == 13030


def test_a_cuda_version_that_is_not_there() -> None:
    log = "<nvidia_smi_log><cuda_version>Not Found</cuda_version></nvidia_smi_log>"
    assert nvidia_smi.parse(log)["cuda"] is None


def test_addresses_are_written_as_linux_writes_them() -> None:
    assert nvidia.address("00000000:C1:00.0") == "0000:c1:00.0"
    assert nvidia.address("0001:01:00.0") == "0001:01:00.0"
    assert nvidia.address("") == ""
