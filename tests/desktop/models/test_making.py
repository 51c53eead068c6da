from __future__ import annotations

from pathlib import Path

import pytest

from desktop.models.making import Line, Manner, Waiting
from engine.catalog.library import Library
from engine.convert.plan import Plan, plan


def waiting(number: int, folder: Path) -> Waiting:
    return Waiting(number, planned(folder, f"{number}.gguf"), Manner())


def planned(folder: Path, name: str) -> Plan:
    return plan(folder / "none", "gguf-q4_k_m", folder / name, Library(folder))


@pytest.mark.parametrize(
    ("number", "by", "expected"), [(1, -1, [1, 2, 3]), (2, -1, [2, 1, 3]), (1, 1, [2, 1, 3]), (9, 1, [1, 2, 3])]
)
def test_moving_in_the_line(tmp_path: Path, number: int, by: int, expected: list[int]) -> None:
    line = Line(tuple(waiting(each, tmp_path) for each in (1, 2, 3)))
    assert [each.number for each in line.moving(number, by).waiting] == expected


def test_adding_and_taking_out(tmp_path: Path) -> None:
    line = Line().adding(waiting(1, tmp_path)).adding(waiting(2, tmp_path))
    assert line.has(tmp_path / "2.gguf") and not line.has(tmp_path / "3.gguf")
    assert line.has(tmp_path / "3.gguf", (tmp_path / "3.gguf",))
    assert [each.number for each in line.without(1).waiting] == [2]
    assert line.waiting[0].title == "none → Q4_K_M"


def test_conversations_are_put_in_when_the_conversion_begins() -> None:
    assert Manner(True, "conversations", (Path("before.txt"),)).options.calibration == ()
    assert Manner(True, "files", (Path("a.txt"),)).options.calibration == (Path("a.txt"),)
    assert Manner(False, "files", (Path("a.txt"),)).folder_options.calibration == (Path("a.txt"),)
