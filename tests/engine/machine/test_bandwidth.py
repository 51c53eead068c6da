from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.machine import bandwidth
from engine.machine.facts import Cpu, Memory
from tests.helpers.recorded import Recorded

CPU = Cpu("Some CPU", "x86_64", 4, 8, 4, 8)
MEMORY = Memory(16 * 1024**3, 8 * 1024**3)


class Measuring(Recorded):
    """A computer whose worker measures what it is told; it counts how often it was asked."""

    def __init__(self, rates: list[float], share: float = 1.0) -> None:
        super().__init__({})
        self.asked: list[Mapping[str, Any]] = []
        self._answer = {"rates_bytes_s": rates, "processor_share": share, "bytes": 1}

    def ask(self, do: str, limit_s: float, **arguments: Any) -> Mapping[str, Any]:
        assert do == "measure_bandwidth"
        self.asked.append(arguments)
        return self._answer


def test_it_is_measured_once(tmp_path: Path) -> None:
    file = tmp_path / "cache" / "bandwidth.json"
    first = Measuring([30e9, 10e9, 31e9])
    assert bandwidth.read(first, CPU, MEMORY, file) == 30e9
    assert first.asked == [{"threads": 4, "free_bytes": 8 * 1024**3}]

    again = Measuring([1.0])
    assert bandwidth.read(again, CPU, MEMORY, file) == 30e9
    assert again.asked == []
    assert [path.name for path in file.parent.iterdir()] == ["bandwidth.json"]


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        (dataclasses.replace(CPU, model="Another CPU"), MEMORY),
        (dataclasses.replace(CPU, usable_physical_cores=2), MEMORY),
        (CPU, dataclasses.replace(MEMORY, total_bytes=32 * 1024**3)),
    ],
)
def test_another_machine_is_measured_anew(tmp_path: Path, cpu: Cpu, memory: Memory) -> None:
    file = tmp_path / "bandwidth.json"
    bandwidth.read(Measuring([30e9]), CPU, MEMORY, file)
    assert bandwidth.read(Measuring([50e9]), cpu, memory, file) == 50e9


def test_a_few_pages_more_or_less_are_the_same_machine(tmp_path: Path) -> None:
    file = tmp_path / "bandwidth.json"
    bandwidth.read(Measuring([30e9]), CPU, MEMORY, file)
    nearly = dataclasses.replace(MEMORY, total_bytes=MEMORY.total_bytes - 5_000_000)
    assert bandwidth.read(Measuring([50e9]), CPU, nearly, file) == 30e9


def test_a_new_way_of_measuring_makes_the_old_result_void(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bandwidth.json"
    bandwidth.read(Measuring([30e9]), CPU, MEMORY, file)
    monkeypatch.setattr(bandwidth, "VERSION", bandwidth.VERSION + 1)
    assert bandwidth.read(Measuring([50e9]), CPU, MEMORY, file) == 50e9


def test_after_a_measurement_beside_busy_programs_it_is_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "bandwidth.json"
    assert bandwidth.kept(CPU, MEMORY, file) is None
    assert bandwidth.read(Measuring([9e9], share=0.5), CPU, MEMORY, file) == 9e9
    assert bandwidth.kept(CPU, MEMORY, file) == 9e9
    assert bandwidth.read(Measuring([30e9]), CPU, MEMORY, file) == 30e9
    assert bandwidth.kept(CPU, MEMORY, file) == 30e9


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"key": 1}', '{"key": {}, "bandwidth_bytes_s": "x"}', "null", "\0"])
def test_a_damaged_file_is_measured_over(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "bandwidth.json"
    file.write_text(damage)
    assert bandwidth.read(Measuring([30e9]), CPU, MEMORY, file) == 30e9
    assert bandwidth.read(Measuring([1.0]), CPU, MEMORY, file) == 30e9


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_kept_value_that_cannot_be_is_not_used(tmp_path: Path, value: float) -> None:
    file = tmp_path / "bandwidth.json"
    bandwidth.save(file, {"cpu": "x"}, value)
    assert bandwidth.load(file, {"cpu": "x"}) is None


def test_a_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert bandwidth.read(Measuring([30e9]), CPU, MEMORY, tmp_path / "file" / "bandwidth.json") == 30e9
