"""A model that sees becomes two files: the language model, and beside it what turns pictures into its input."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog import records
from engine.catalog.library import Library
from engine.convert.plan import plan
from engine.convert.run import Conversion
from engine.convert.source import inspect
from engine.events import Event, Finished, Notice
from tests.helpers.seeing_models import write_seeing_model
from tests.helpers.tiny_models import write_tiny_model

PROJECTOR = "mmproj-seeing-F16.gguf"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def converted(source: Path, format_id: str, library: Library) -> list[Event]:
    planned = plan(source, format_id, library.folder / "local" / "seeing" / f"seeing-{format_id}.gguf", library)
    assert not planned.obstacles
    return list(Conversion(planned))


def test_the_part_that_sees_lies_beside_the_model_and_is_shared_by_its_levels(tmp_path: Path, library: Library) -> None:
    source = write_seeing_model(tmp_path / "seeing")
    events = converted(source, "gguf-q8_0", library)
    last = events[-1]
    assert isinstance(last, Finished)
    file = last.value.path.with_name(PROJECTOR)
    assert [entry.companions for entry in library.entries()] == [(file,)]
    assert Notice(f"{PROJECTOR} beside it reads pictures.") in events
    record = records.read(file)
    assert record["sha256"] == records.sha256(file)
    assert (record["sees"], record["hears"]) == (True, False)
    assert set(record["source"]["sha256"]) == {"model.safetensors"}
    before = file.stat()
    converted(source, "gguf-q4_k_m", library)
    assert file.stat().st_mtime_ns == before.st_mtime_ns, "it was made again"
    assert not list(library.folder.rglob("*.part"))


def test_without_all_of_its_eyes_a_model_still_chats(tmp_path: Path, library: Library) -> None:
    source = write_seeing_model(tmp_path / "seeing", left_out="modality_projection")
    events = converted(source, "gguf-q8_0", library)
    assert isinstance(events[-1], Finished)
    assert any(isinstance(event, Notice) and "could not be made" in event.text for event in events)
    assert not list(library.folder.rglob("mmproj*")) and not list(library.folder.rglob("*.part"))


def test_a_model_that_only_names_eyes_has_no_projector(tmp_path: Path) -> None:
    assert inspect(write_seeing_model(tmp_path / "seeing")).projector_bytes > 0
    assert inspect(write_tiny_model("gemma3", tmp_path / "blind")).projector_bytes == 0
