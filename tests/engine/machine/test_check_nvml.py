"""The comparison that runs on the GPU machine finds what differs."""

from __future__ import annotations

import dataclasses

import pytest

from engine.machine.facts import Gpu
from tests.device import check_nvml

GIB = 1024**3
CARD = Gpu(
    "nvidia",
    "NVIDIA H200",
    143771 * 1024**2,
    143000 * 1024**2,
    compute_capability="9.0",
    driver="580.159.03",
    cuda="13.0",
    bandwidth_bytes_s=6144 / 8 * 2 * 3201e6,
    pci="0000:01:00.0",
)
CSV = "NVIDIA H200, 143771, 143100, 580.159.03, 9.0, 3201, 00000000:01:00.0\n"
TABLE = "| NVIDIA-SMI 580.159.03             Driver Version: 580.159.03     CUDA Version: 13.0     |"


def test_equal_values_are_equal() -> None:
    assert check_nvml.differences([CARD], check_nvml.rows(CSV), check_nvml.cuda_version(TABLE)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "NVIDIA H100"},
        {"total_bytes": 80 * GIB},
        {"usable_bytes": 10 * GIB},
        {"compute_capability": "8.0"},
        {"driver": "1.0"},
        {"cuda": ""},
        {"bandwidth_bytes_s": None},
        {"bandwidth_bytes_s": 1.0e12},
        {"pci": "0000:02:00.0"},
    ],
)
def test_each_value_that_differs_is_named(change: dict[str, object]) -> None:
    card = dataclasses.replace(CARD, **change)  # type: ignore[arg-type]
    assert len(check_nvml.differences([card], check_nvml.rows(CSV), "13.0")) == 1


def test_a_card_that_was_not_found_is_told() -> None:
    assert check_nvml.differences([], check_nvml.rows(CSV), "13.0") == ["0 cards were found; nvidia-smi shows 1"]
    assert check_nvml.differences([], [], "") != []


def test_the_newer_table() -> None:
    assert (
        check_nvml.cuda_version("| NVIDIA-SMI 610.57.04   KMD Version: 610.57.04   CUDA UMD Version: 13.3 |") == "13.3"
    )
