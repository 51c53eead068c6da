"""Models of other apps are found where they lie, in layouts that the apps' sources prescribe."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.verify import expected_hashes
from engine.catalog.elsewhere import models_elsewhere
from engine.catalog.places import Places
from engine.catalog.scan import ollama
from engine.catalog.scan.apps import APPS, App
from engine.catalog.scan.job import Scan
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import files_together, walk
from engine.errors import Cancelled, NotFound
from engine.events import Finished, Notice, Progress
from tests.helpers.app_layouts import case, lay_out, names, recorded, tiny_gguf

PLACES = [(name, row) for name in names() for row in case(name)["places"]]


def app_named(name: str) -> App:
    return next(app for app in APPS if app.name == name)


def only(app: App, folder: Path) -> App:
    return App(app.name, lambda _here: (folder,), app.models)


def scanned(*apps: App, added: tuple[Path, ...] = (), library: Path | None = None) -> dict[str, Checkpoint]:
    *_, last = Scan(added, apps=apps, library=library)
    assert isinstance(last, Finished)
    return {entry.name: entry for entry in last.value}


def test_every_app_has_a_recorded_layout() -> None:
    assert {case(name)["app"] for name in names()} == {app.name for app in APPS}


@pytest.mark.parametrize(("name", "row"), PLACES, ids=[f"{name}-{row['system']}" for name, row in PLACES])
def test_where_an_app_keeps_its_models(name: str, row: dict) -> None:
    found = app_named(case(name)["app"]).places(recorded(row))
    assert [str(place) for place in found] == row["places"]


@pytest.mark.parametrize("name", names())
def test_what_an_app_has_is_found_in_place(name: str, tmp_path: Path) -> None:
    told, folder = case(name), tmp_path / "app"
    lay_out(folder, told["disk"])
    before = sorted(folder.rglob("*"))
    entries = scanned(only(app_named(told["app"]), folder))
    assert set(entries) == set(told["found"])
    for entry_name, expected in told["found"].items():
        entry = entries[entry_name]
        assert entry.title == expected["title"]
        assert entry.owners == (told["app"],)
        assert entry.damaged == expected.get("damaged", False), entry.problem
        assert entry.revision == expected.get("revision", "")
        if "repository" in expected:
            assert entry.record["source"]["repository"] == expected["repository"]
        if "sha256" in expected:
            assert [file["sha256"] for file in entry.record["files"].values()] == [expected["sha256"]]
    assert sorted(folder.rglob("*")) == before, "scanning wrote something"


def test_two_names_of_one_blob_are_one_entry(tmp_path: Path) -> None:
    lay_out(tmp_path, case("ollama")["disk"])
    entries = scanned(only(app_named("Ollama"), tmp_path))
    assert "Ollama/llama3.2:latest" not in entries  # the same blob as llama3.2:3b


def test_a_file_of_two_apps_names_both(tmp_path: Path) -> None:
    studio, cache = tmp_path / "studio", tmp_path / "cache"
    file = studio / "acme" / "Small-GGUF" / "Small.gguf"
    file.parent.mkdir(parents=True)
    cache.mkdir()
    file.write_bytes(tiny_gguf())
    (cache / "acme_Small.gguf").hardlink_to(file)
    (cache / "linked.gguf").symlink_to(file)
    entries = scanned(only(app_named("LM Studio"), studio), only(app_named("llama.cpp cache"), cache))
    (entry,) = entries.values()
    assert entry.owners == ("LM Studio", "llama.cpp cache")


def test_what_one_app_knows_of_a_shared_file_serves_the_other(tmp_path: Path) -> None:
    hub, studio = tmp_path / "hub", tmp_path / "studio"
    lay_out(hub, case("hugging_face")["disk"])
    file = studio / "acme" / "Mine-GGUF" / "mine.gguf"
    file.parent.mkdir(parents=True)
    file.hardlink_to(hub / "models--acme--Small-GGUF" / "blobs" / ("a" * 64))
    entries = scanned(only(app_named("LM Studio"), studio), only(app_named("Hugging Face cache"), hub))
    entry = entries["LM Studio/acme/Mine-GGUF/mine.gguf"]
    assert entry.owners == ("LM Studio", "Hugging Face cache")
    assert expected_hashes(entry) == {file: "a" * 64}


def test_what_lies_in_the_library_is_the_librarys(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "a.gguf").write_bytes(tiny_gguf())
    assert scanned(added=(tmp_path,), library=tmp_path) == {}
    assert len(scanned(added=(tmp_path,))) == 1


def test_hostile_folders_do_not_hurt(tmp_path: Path) -> None:
    deep = tmp_path
    for number in range(40):
        deep = deep / f"d{number}"
        deep.mkdir()
    (tmp_path / "round").symlink_to(tmp_path, target_is_directory=True)
    (deep / "back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "nowhere.gguf").symlink_to("missing.gguf")
    (tmp_path / "folder.gguf").mkdir()
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "good.gguf").write_bytes(tiny_gguf())
    assert list(scanned(added=(tmp_path,))) == [str(tmp_path / "good.gguf")]


def test_thousands_of_files_are_passed_over(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"{number}.txt").touch()
    (tmp_path / "a.gguf").write_bytes(tiny_gguf())
    assert len(scanned(added=(tmp_path,))) == 1


def test_a_place_that_fails_costs_only_its_own(tmp_path: Path) -> None:
    def broken(folder: Path):
        raise PermissionError(13, "Permission denied")
        yield

    (tmp_path / "a.gguf").write_bytes(tiny_gguf())
    events = list(Scan((tmp_path / "a.gguf",), apps=(App("Broken", lambda _here: (tmp_path,), broken),)))
    assert any(isinstance(event, Notice) and "Permission denied" in event.text for event in events)
    assert len(events[-1].value) == 1


def test_a_scan_can_be_stopped(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.gguf").write_bytes(tiny_gguf(number))
    scan, seen = Scan((tmp_path,), apps=()), 0
    with pytest.raises(Cancelled):
        for event in scan:
            seen += isinstance(event, Progress)
            threading.Thread(target=scan.cancel).run()
    assert seen == 1


def test_added_places_are_noted_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    file.write_bytes(tiny_gguf())
    places = Places()
    places.add(file)
    places.add(file)
    assert Places().all == (file,)
    places.look_for_apps(False)
    assert [entry.path for entry in models_elsewhere(tmp_path / "library")] == [file]
    places.remove(file)
    assert models_elsewhere(tmp_path / "library") == ()
    assert file.exists()
    with pytest.raises(NotFound):
        places.add(tmp_path / "nothing")


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["layers", "mediaType", "digest", "manifests"]), inner, max_size=4)
        ),
    )
)
def test_no_manifest_makes_it_fail(tmp_path_factory, manifest) -> None:
    import json

    root = tmp_path_factory.mktemp("ollama")
    file = root / "manifests" / "registry.ollama.ai" / "library" / "x" / "latest"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(manifest))
    assert list(ollama.models(root)) == []


@given(st.lists(st.sampled_from(range(1, 6)), unique=True, min_size=1))
def test_parts_are_one_whatever_is_there(there: list[int]) -> None:
    (find,) = files_together([Path(f"/m/x-{number:05}-of-00005.gguf") for number in there])
    assert len(find.parts) + len(find.missing) == 5
    assert find.path == find.parts[0] == Path(f"/m/x-{min(there):05}-of-00005.gguf")


def test_a_folder_is_entered_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a", target_is_directory=True)
    assert len(list(walk(tmp_path))) == 2


def test_the_real_surroundings_are_asked_for_without_an_error() -> None:
    here = Surroundings.here()
    for app in APPS:
        assert all(place.is_absolute() for place in app.places(here))
