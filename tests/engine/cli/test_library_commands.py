"""The library on the command line: listing, deleting, moving, and what lies elsewhere."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from engine import cli, settings
from engine.catalog import starter, trash
from engine.catalog.places import Places
from engine.cli import library as cli_library
from engine.cli import show
from tests.helpers.app_layouts import case, lay_out, tiny_gguf


@pytest.fixture(autouse=True)
def without_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_sources", lambda: iter(()))


@pytest.fixture
def model(home: Path) -> Path:
    path = home / "data" / "models" / "acme" / "Small-GGUF" / "Small.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(tiny_gguf())
    return path


def test_models_of_other_apps_are_listed_and_used(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    lay_out(tmp_path / "person" / ".ollama" / "models", case("ollama")["disk"])
    assert cli.main(["library", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed["models"]] == ["acme/Small-GGUF/Small.gguf"]
    assert "Ollama/llama3.2:3b" in [entry["name"] for entry in listed["elsewhere"]]
    assert cli.main(["library"]) == 0
    out = capsys.readouterr().out
    assert "llama3.2:3b" in out and "library" in out
    assert cli.main(["verify", "llama3.2:3b"]) == cli.EXIT_WORLD  # the made-up blob is not what its name says
    assert "damaged" in capsys.readouterr().err


def test_a_fingerprint_makes_a_model_verifiable(model: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["library", "verify", "Small"]) == cli.EXIT_WORLD
    assert cli.main(["library", "fingerprint", "Small"]) == 0
    assert cli.main(["library", "verify", "Small"]) == 0
    model.write_bytes(tiny_gguf(9))
    assert cli.main(["library", "verify", "Small"]) == cli.EXIT_WORLD


def test_a_models_fingerprint_elsewhere_is_kept_in_our_own_folder(tmp_path: Path) -> None:
    folder = tmp_path / "person" / ".lmstudio" / "models" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "theirs.gguf").write_bytes(tiny_gguf())
    assert cli.main(["library", "fingerprint", "theirs"]) == 0
    assert [path.name for path in folder.iterdir()] == ["theirs.gguf"]
    assert cli.main(["verify", "theirs"]) == 0


def test_moving(model: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["library", "move", str(tmp_path / "new"), "--plan"]) == 0
    assert model.exists()
    assert cli.main(["library", "move", str(tmp_path / "new")]) == 0
    assert settings.load().models_folder == tmp_path / "new"
    assert (tmp_path / "new" / "acme" / "Small-GGUF" / "Small.gguf").exists()
    assert not model.exists()
    assert cli.main(["library", "stop-move"]) == 0


def test_deleting_asks(model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(trash, "why_no_trash", lambda path: "The disk has no trash.")
    assert cli.main(["library", "delete", "Small", "--yes"]) == cli.EXIT_WORLD
    assert model.exists()
    monkeypatch.setattr("click.confirm", lambda *args, **more: False)
    assert cli.main(["library", "delete", "Small", "--for-good"]) == cli.EXIT_CANCELLED
    assert model.exists()
    assert cli.main(["library", "delete", "Small", "--for-good", "--yes"]) == 0
    assert not model.exists()


def test_adding_and_forgetting(tmp_path: Path, home: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(tiny_gguf())
    assert cli.main(["library", "add", str(tmp_path / "mine.gguf")]) == 0
    assert Places().all == (tmp_path / "mine.gguf",)
    assert cli.main(["library", "forget", str(tmp_path / "mine.gguf")]) == 0
    assert Places().all == ()
    assert cli.main(["library", "add", "--copy", str(tmp_path / "mine.gguf")]) == 0
    assert (home / "data" / "models" / "local" / "mine-GGUF" / "mine.gguf").exists()


def test_what_was_made_is_named_so_that_the_next_command_finds_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    library = cli_library.open_library()
    elsewhere = tmp_path / "it's elsewhere" / "other.gguf"
    twin = model.parents[1] / "Twin-GGUF" / model.name
    for path in (elsewhere, twin):
        path.parent.mkdir()
        path.write_bytes(tiny_gguf())
    for path in (model, elsewhere, twin):  # the last takes the first one's title
        made = library.entry_at(path)
        show.converted(made, cli_library.called(library, made))
        command = capsys.readouterr().err.splitlines()[-1].partition("halfbyte ")[2]
        assert library.find(shlex.split(command)[1]).path == path
