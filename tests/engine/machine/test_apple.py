from __future__ import annotations

import pytest

from engine.machine import apple
from tests.helpers.recorded import Recorded, changed

GIB = 1024**3


@pytest.mark.parametrize(
    ("total_gib", "megabytes"),
    [
        (16, 11453.25),  # 10,922.67 MiB: llama-cpp-python issue 687
        (32, 22906.50),  # 21,845.34 MiB: llama.cpp pull request 2011
        (36, 28991.03),  # llama.cpp's log of an M4 Max with 36 GB
        (64, 51539.61),
    ],
)
def test_the_working_set_is_what_llama_cpp_logs(total_gib: int, megabytes: float) -> None:
    assert apple.working_set_bytes(total_gib * GIB, {}) / 1e6 == pytest.approx(megabytes, rel=1e-5)


def test_a_limit_set_by_hand_counts() -> None:
    assert apple.working_set_bytes(16 * GIB, {"iogpu.wired_limit_mb": "14336"}) == 14 * GIB
    assert apple.working_set_bytes(16 * GIB, {"debug.iogpu.wired_limit": str(13 * GIB)}) == 13 * GIB
    assert apple.working_set_bytes(16 * GIB, {"iogpu.wired_limit_mb": "99999999"}) == 16 * GIB


@pytest.mark.parametrize(
    ("chip", "cores", "gb_s"),
    [("Apple M1", 8, 68.25), ("Apple M2 Max", 38, 400), ("Apple M3 Max", 40, 400), ("Apple M4 Max", 32, 410)],
)
def test_the_published_bandwidth(chip: str, cores: int, gb_s: float) -> None:
    assert apple.bandwidth_bytes_s(chip, cores) == pytest.approx(gb_s * 1e9)


@pytest.mark.parametrize("chip", ["Apple M99", "Apple M9 Ultra", "AMD Radeon Pro 5500M", ""])
def test_a_chip_that_the_table_does_not_know(chip: str) -> None:
    assert apple.bandwidth_bytes_s(chip, 40) is None


def test_a_translated_python_is_told() -> None:
    outputs = {"sysctl": "hw.memsize: 17179869184\nsysctl.proc_translated: 1\n", "system_profiler": "{}"}
    _, (row,) = apple.read(Recorded({"system": "Darwin", "outputs": outputs}))
    assert "Rosetta" in row.reason
    assert "arm64" in row.hint


def test_without_system_profiler_the_chip_is_still_found() -> None:
    case = Recorded.load("apple-m3-max")
    outputs = {"sysctl": case.output("sysctl")}
    (gpu,), (row,) = apple.read(changed(case, outputs=outputs))
    assert (gpu.name, gpu.cores) == ("Apple M3 Max", 0)
    assert "system_profiler" in row.reason


def test_an_intel_mac_with_a_card() -> None:
    profile = """{"SPDisplaysDataType": [
        {"sppci_model": "Intel UHD Graphics 630", "spdisplays_vram_shared": "1536 MB"},
        {"sppci_model": "AMD Radeon Pro 5500M", "spdisplays_vendor": "sppci_vendor_amd", "spdisplays_vram": "8 GB"}]}"""
    outputs = {"sysctl": "hw.memsize: 34359738368\n", "system_profiler": profile}
    gpus, _ = apple.read(Recorded({"system": "Darwin", "outputs": outputs}))
    assert [(gpu.vendor, gpu.total_bytes, gpu.unified) for gpu in gpus] == [
        ("intel", 1536 * 1024**2, True),
        ("amd", 8 * GIB, False),
    ]
