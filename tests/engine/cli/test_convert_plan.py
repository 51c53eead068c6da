"""``halfbyte convert --plan``: what would be made and all that is in the way, and nothing done."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path

import pytest

from engine import cli
from engine.catalog import starter
from engine.cli import library as cli_library
from engine.convert import places
from engine.errors import DiskFull
from tests.helpers.tiny_models import write_tiny_model

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def without_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_sources", lambda: iter(()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model("llama", tmp_path / "model")


def test_a_plan_makes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["convert", str(folder), "-f", "q8_0", "-f", "q4_k_m", "--plan"]) == 0
    out = capsys.readouterr().out
    for words in ("Q8_0 → ", "of memory, about", "Together: ", "Nothing is in the way."):
        assert words in out
    assert cli.main(["library", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["models"] == []


def test_a_full_disk_is_told_once_for_several_formats(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places.shutil, "disk_usage", lambda folder: Usage(9, 0, 9))
    (folder / "tokenizer.json").unlink()
    assert cli.main(["convert", str(folder), "-f", "q8_0", "-f", "q4_k_m", "--plan"]) == 1
    out = capsys.readouterr().out
    assert out.count("are needed") == 1
    assert "tokenizer.json" in out


def test_no_room_for_the_starter_model_stops_nothing_else(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(library: object) -> None:
        raise DiskFull(9, 1, "somewhere")

    monkeypatch.setattr(cli_library, "place_starter", full)
    assert cli.main(["convert", str(folder), "--plan"]) == 0
    captured = capsys.readouterr()
    assert "starter model is not placed" in captured.err
    assert "Q4_K_M → " in captured.out


def test_two_makers_of_one_format_are_told_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["convert", str(folder), "-f", "awq", "-f", "awq-autoawq", "--plan"]
    cli.main(asked)  # the packages may be there or not
    out = capsys.readouterr().out
    assert "AWQ INT4 → " in out and "AWQ INT4 (AutoAWQ) → " in out
    cli.main([*asked, "--json"])
    assert [plan["recipe"] for plan in json.loads(capsys.readouterr().out)] == [
        "awq-int4-g128",
        "awq-int4-g128-autoawq",
    ]


def test_a_format_that_there_is_not_is_told_with_those_that_there_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["convert", str(folder), "--format", "q4km", "--plan"]) == 1
    told = capsys.readouterr().err
    assert "“q4km” is no format" in told
    assert "q4_k_m" in told and "awq-autoawq" in told


def test_the_starter_model_goes_by_its_short_name(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_library, "STARTER_NAME", str(folder))
    assert cli.main(["convert", "starter", "-f", "q8_0", "--plan"]) == 0
    assert "Q8_0 → " in capsys.readouterr().out
