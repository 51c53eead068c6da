"""State files and records: old ones open, half-written ones begin anew, newer ones are left alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog import records, summaries
from engine.catalog.notes import Notes
from engine.catalog.places import Places
from engine.catalog.state_file import StateFile
from engine.catalog.summaries import Summaries
from engine.errors import Refused
from engine.runtime.session import Session
from tests.helpers.app_layouts import tiny_gguf
from tests.helpers.scripts import script


def _renamed(state: dict) -> dict:
    state["colours"] = state.pop("colors", [])
    return state


def test_an_old_state_is_migrated_on_a_copy(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "s.json", (lambda state: state, _renamed))
    file.path.write_text('{"schema": 1, "colors": ["red"]}')
    assert file.read() == {"colours": ["red"]}
    assert "colors" in file.path.read_text(), "reading changed the file"
    assert file.change(lambda state: state["colours"].append("blue"))
    assert json.loads(file.path.read_text()) == {"schema": 2, "colours": ["red", "blue"]}


def test_a_newer_state_is_read_and_never_written(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "s.json")
    text = '{"schema": 9, "places": ["/m"], "more": {"unknown": 1}}'
    file.path.write_text(text)
    assert file.read()["places"] == ["/m"]
    assert not file.change(lambda state: state.clear())
    assert file.path.read_text() == text
    with pytest.raises(Refused):
        Places(file.path).add(tmp_path)


@given(st.binary(max_size=40))
def test_whatever_is_in_the_file_it_is_read(tmp_path_factory, content: bytes) -> None:
    file = StateFile(tmp_path_factory.mktemp("state") / "s.json")
    file.path.write_bytes(content)
    assert isinstance(file.read(), dict)


def test_a_half_written_state_is_put_aside(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "models.json")
    notes.note_use(Path("/m/a.gguf"), 5.0)
    whole = (tmp_path / "models.json").read_text()
    (tmp_path / "models.json").write_text(whole[:20])
    assert notes.used_s(Path("/m/a.gguf")) == 0
    assert (tmp_path / "models.json.damaged").read_text() == whole[:20]
    assert notes.note_use(Path("/m/a.gguf"), 7.0)
    assert notes.used_s(Path("/m/a.gguf")) == 7.0


def test_a_folder_that_cannot_be_written_keeps_no_notes(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not Notes(tmp_path / "file" / "models.json").note_use(Path("/a"))


def test_notes_follow_a_library_that_moves(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "models.json")
    notes.note_use(Path("/old/a/b.gguf"), 1.0)
    notes.note_files(Path("/other/c.gguf"), {"c.gguf": {"sha256": "00"}})
    notes.move(Path("/old"), Path("/new"))
    assert notes.used_s(Path("/new/a/b.gguf")) == 1.0
    assert notes.all()["/other/c.gguf"] == {"files": {"c.gguf": {"sha256": "00"}}}


def test_a_record_of_the_first_version_is_read_as_one_of_today(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.touch()
    records.record_path(model).write_text('{"sha256": "ab", "licence": "mit"}')
    assert records.read(model)["files"] == {"m.gguf": {"sha256": "ab"}}
    assert "files" not in records.record_path(model).read_text()
    assert records.annotate(model, {"measured": 1})
    assert json.loads(records.record_path(model).read_text())["schema"] == records.SCHEMA


def test_a_newer_record_is_kept_untouched(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.touch()
    text = '{"schema": 7, "sha256": "ab", "strange": []}'
    records.record_path(model).write_text(text)
    assert records.read(model)["sha256"] == "ab"
    assert not records.annotate(model, {"measured": 1})
    assert records.record_path(model).read_text() == text
    records.write(model, {"sha256": "cd"})  # another model has taken its place
    assert records.read(model)["sha256"] == "cd"
    newer = records.record_path(model).with_name(records.record_path(model).name + records.NEWER)
    assert newer.read_text() == text


def test_headers_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, read = tmp_path / "m.gguf", []
    model.write_bytes(tiny_gguf())
    real = summaries.summarized
    monkeypatch.setattr(summaries, "summarized", lambda path: read.append(path) or real(path))
    first = Summaries(tmp_path / "c" / "headers.json")
    assert first.of(model, [model]).format_id == "gguf-q4_k_m"
    first.keep()
    again = Summaries(tmp_path / "c" / "headers.json")
    assert again.of(model, [model]) == first.of(model, [model])
    assert len(read) == 1
    model.write_bytes(b"something else")
    assert again.of(model, [model]).format_id == "damaged"
    (tmp_path / "c" / "headers.json").write_text('{"schema": 1, "models": {"' + str(model) + '": {"stamp": 1}}}')
    assert Summaries(tmp_path / "c" / "headers.json").of(model, [model]).problem
    assert len(read) == 3


def test_loading_a_model_notes_its_use(tmp_path: Path) -> None:
    model = script(tmp_path, chunks=["Hello"])
    assert Notes().used_s(model.path) == 0
    with Session(model) as session:
        list(session.load())
    assert time.time() - Notes().used_s(model.path) < 60
