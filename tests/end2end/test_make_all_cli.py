"""``halfbyte make-all`` with real conversions and measurements of a tiny model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import cli
from engine.catalog import starter, trash
from engine.catalog.removal import Removal, Removed
from engine.convert import worth
from engine.events import Finished
from tests.helpers.tiny_models import write_tiny_model


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(starter, "_sources", lambda: iter(()))
    monkeypatch.setattr(worth, "LADDER", ("gguf-q8_0", "gguf-q4_0"))
    return write_tiny_model("llama-hf", tmp_path / "acme" / "mini", "F16")


def models(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder.parents[1] / "home").rglob("mini-*.gguf"))


def test_the_plan_makes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["make-all", str(folder), "--plan"]) == 0
    assert "F16, Q8_0, Q4_0 are made" in capsys.readouterr().err
    assert models(folder) == []


def test_levels_are_made_and_measured_and_the_best_is_kept(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash, "why_no_trash", lambda path: "")
    monkeypatch.setattr("engine.cli.make_all.Removing", lambda plan: [Finished(gone(plan))])
    assert cli.main(["make-all", str(folder), "--quick", "--keep-best", "--json"]) == 0
    choices = json.loads(capsys.readouterr().out)
    names = [Path(each["report"]["path"]).name for each in choices]
    assert sorted(names) == ["mini-F16.gguf", "mini-Q4_0.gguf", "mini-Q8_0.gguf"]
    assert choices[0]["passes"]
    assert models(folder) == names[:1]


def gone(plan: Removal) -> Removed:
    for path in plan.going:
        path.unlink()
    return Removed(plan.checkpoint, plan.freed_bytes)
