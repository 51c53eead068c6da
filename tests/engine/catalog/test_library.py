"""The library is what lies in its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.catalog import records, summaries
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.errors import NotFound, Refused
from tests.helpers.app_layouts import tiny_gguf


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    # What headers say is tested with the headers; here a file's first line stands for it.
    monkeypatch.setattr(
        summaries, "summarized", lambda path: summaries.Summary("gguf-q4_k_m" if path.is_file() else "plain-bf16")
    )
    folder = tmp_path / "models"
    for name in (
        "acme/Small-GGUF/Small-Q4_K_M.gguf",
        "acme/Large-GGUF/Large-Q4_K_M.gguf",
        "other/Large-GGUF/Large.gguf",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"GGUF" + name.encode())
    source = folder / "acme" / "Small"
    source.mkdir()
    (source / "config.json").write_text("{}")
    (source / "model.safetensors").write_bytes(b"12345678")
    return Library(folder)


def test_entries_are_files_and_folders_by_name(library: Library) -> None:
    assert [entry.name for entry in library.entries()] == [
        "acme/Large-GGUF/Large-Q4_K_M.gguf",
        "acme/Small",
        "acme/Small-GGUF/Small-Q4_K_M.gguf",
        "other/Large-GGUF/Large.gguf",
    ]
    assert library.find("acme/Small").size_bytes == 10


def test_what_is_half_made_is_not_listed(library: Library) -> None:
    (library.folder / "acme" / "Small-GGUF" / "Small-Q8_0.gguf.17.part").write_bytes(b"GGUF")
    assert len(library.entries()) == 4


def test_a_folder_that_is_not_there_is_an_empty_library(tmp_path: Path) -> None:
    assert Library(tmp_path / "nowhere").entries() == ()


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_file_of_a_folder_stands_for_the_folder(library: Library, file: str) -> None:
    folder = library.folder / "acme" / "Small"
    assert library.find(str(folder / file)) == library.find(str(folder))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="everything may be read here")
def test_what_may_not_be_read_is_said(library: Library) -> None:
    folder = library.folder / "acme" / "Small"
    for closed, mode in ((folder / "config.json", 0o600), (folder, 0o700)):
        closed.chmod(0)
        try:
            with pytest.raises(NotFound) as error:
                read_facts(library.entry_at(folder).path)
        finally:
            closed.chmod(mode)
        assert error.value.hint.lower() == "it cannot be read: permission denied."


@pytest.mark.parametrize("name", ["Small-Q4_K_M", "small-q4_k_m", "small-gguf", "acme/Small-GGUF/Small-Q4_K_M.gguf"])
def test_a_part_of_a_name_is_enough(library: Library, name: str) -> None:
    assert library.find(name).title == "Small-Q4_K_M"


def test_a_name_that_fits_several_is_refused_with_their_names(library: Library) -> None:
    with pytest.raises(Refused, match=r"acme/Large-GGUF/Large-Q4_K_M\.gguf, other/Large-GGUF/Large\.gguf"):
        library.find("large-gguf")


def test_an_unknown_name_is_answered_with_near_ones(library: Library) -> None:
    with pytest.raises(NotFound) as caught:
        library.find("Smal-Q4_K_N")
    assert "Small-Q4_K_M" in caught.value.hint


def test_a_path_outside_is_an_entry_too(library: Library, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.gguf"
    file.write_bytes(b"GGUF")
    entry = library.find(str(file))
    assert (entry.path, entry.name) == (file, str(file))
    with pytest.raises(Refused):
        library.delete(entry)
    assert file.exists()


def test_deleting_takes_the_record_and_empty_folders_along(library: Library) -> None:
    entry = library.find("Small-Q4_K_M")
    records.write(entry.path, {"sha256": "00"})
    library.delete(entry)
    assert not (library.folder / "acme" / "Small-GGUF").exists()
    assert (library.folder / "acme" / "Small").exists()


@pytest.mark.parametrize("bad", ["..", "", "a/b", "a\\b", "C:", "nul\0", "what?"])
def test_no_name_leaves_the_folder(library: Library, bad: str) -> None:
    for parts in ((bad, "b", "c"), ("a", bad, "c"), ("a", "b", bad)):
        with pytest.raises(Refused):
            library.place(*parts)


def test_where_a_converted_model_goes(library: Library, tmp_path: Path) -> None:
    inside = library.target(library.find("acme/Small"), "gguf-q8_0")
    assert inside.relative_to(library.folder).as_posix() == "acme/Small-GGUF/Small-Q8_0.gguf"
    again = library.target(library.find("Small-Q4_K_M"), "gguf-q8_0")
    assert again == inside
    folder = tmp_path / "My Model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    outside = library.target(library.find(str(folder)), "gguf-q4_k_m")
    assert outside.relative_to(library.folder).as_posix() == "local/My Model-GGUF/My Model-Q4_K_M.gguf"


def test_a_record_that_cannot_be_read_is_no_record(library: Library) -> None:
    path = library.find("Small-Q4_K_M").path
    records.record_path(path).write_text("{half")
    assert records.read(path) == {}
    records.write(path, {"a": 1})
    assert records.read(path) == {"a": 1, "schema": records.SCHEMA}
    assert library.find("Small-Q4_K_M").record["a"] == 1


def test_a_split_model_is_one_entry(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for number in (1, 2, 3):
        (tmp_path / f"big-{number:05}-of-00003.gguf").write_bytes(tiny_gguf(number, **{"split.count": 3}))
    (entry,) = library.entries()
    assert (entry.title, len(entry.parts), entry.damaged) == ("big", 3, False)
    assert entry.size_bytes == sum(part.stat().st_size for part in entry.parts)
    assert library.entry_at(entry.parts[2]) == entry, "whichever part is named, the first one is loaded"
    assert library.find("big") == entry


def test_a_split_model_without_all_parts_says_which_are_missing(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for number in (1, 3):
        (tmp_path / f"big-{number:05}-of-00004.gguf").write_bytes(tiny_gguf(number, **{"split.count": 4}))
    (entry,) = library.entries()
    assert entry.damaged
    assert entry.missing == ("big-00002-of-00004.gguf", "big-00004-of-00004.gguf")
    assert "big-00002-of-00004.gguf" in entry.problem


def test_models_of_other_apps_are_found_by_name_after_our_own(library: Library, tmp_path: Path) -> None:
    asked = []
    other = Checkpoint(
        tmp_path / "blob", "Ollama/llama3.2:3b", "gguf-q4_k_m", 5, owners=("Ollama",), label="llama3.2:3b"
    )
    both = Library(library.folder, elsewhere=lambda: asked.append(1) or [other])
    assert both.find("Small-Q4_K_M").title == "Small-Q4_K_M"
    assert not asked
    assert both.find("llama3.2:3b") is other
    assert both.find("ollama/llama3.2:3b") is other
