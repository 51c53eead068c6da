"""What the app keeps can be deleted as a whole, and nothing else with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import cli
from engine.paths import erase, file_sizes, folders, own


@pytest.fixture
def kept() -> dict[str, Path]:
    where = folders()
    files = {"model": where.models / "a" / "m.gguf", "talk": where.data / "c.sqlite3", "log": where.logs / "window.log"}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * 100)
    return files


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))


def test_nothing_stays(kept: dict[str, Path]) -> None:
    assert erase(folders()) == ()
    assert not any(file.exists() for file in kept.values())


def test_what_is_only_linked_stays(kept: dict[str, Path], tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "m.gguf"
    mine.parent.mkdir()
    mine.write_bytes(b"x")
    (folders().data / "linked").symlink_to(mine.parent)
    assert erase(folders()) == () and mine.exists()


def test_sizes_leave_out_folders_of_their_own(kept: dict[str, Path]) -> None:
    assert sum(file_sizes(folders().data, {folders().models})) == 100


def test_the_terminal_lists_and_deletes(kept: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["data", "list", "--json"]) == 0
    taken = {Path(row["folder"]): row["taken_bytes"] for row in json.loads(capsys.readouterr().out)}
    assert taken == {folders().data: 200, folders().logs: 100}
    assert cli.main(["data", "delete", "--yes"]) == 0
    assert "300 B" not in capsys.readouterr().out and own(folders()) == ()


def test_models_elsewhere_stay(kept: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = tmp_path / "elsewhere" / "m.gguf"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"x")
    folders().config.mkdir(parents=True)
    folders().settings_file.write_text(json.dumps({"models_folder": str(elsewhere.parent)}))
    assert cli.main(["data", "delete", "--yes"]) == 0
    assert "Stays:" in capsys.readouterr().err and elsewhere.exists() and not kept["talk"].exists()
