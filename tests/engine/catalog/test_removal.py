"""Deleting: to the trash and back, for good, and what stays because something else needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import send2trash.plat_other

from engine.catalog import records, starter, trash
from engine.catalog.library import Library
from engine.catalog.removal import Removal, Removed, Removing, plan_removal, restoring
from engine.errors import Cancelled, Refused
from tests.helpers.app_layouts import projector, tiny_gguf

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the trash is looked into")


@pytest.fixture(autouse=True)
def own_trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the trash lie in the test's folder, and that be on the home's disk."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(send2trash.plat_other, "HOMETRASH", str(tmp_path / "Trash"))
    monkeypatch.setattr(send2trash.plat_other, "HOMETRASH_B", os.fsencode(tmp_path / "Trash"))
    return tmp_path / "Trash"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def put(library: Library, name: str, content: bytes | None = None) -> Path:
    path = library.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tiny_gguf(len(name)) if content is None else content)
    return path


def planned(library: Library, name: str) -> Removal:
    return plan_removal(library.find(name), library.folder, library.entries())


def removed(plan: Removal, *, for_good: bool = False) -> Removed:
    *_, last = Removing(plan, for_good=for_good)
    return last.value


def test_to_the_trash_and_back(library: Library, own_trash: Path) -> None:
    path = put(library, "acme/Small-GGUF/Small.gguf")
    records.write(path, {"licence": "mit"})
    size_bytes = sum(file.stat().st_size for file in path.parent.iterdir())
    plan = planned(library, "Small")
    assert plan.freed_bytes == size_bytes and not plan.why_no_trash
    done = removed(plan)
    assert library.entries() == ()
    assert not (library.folder / "acme").exists()
    assert [item.name for item in (own_trash / "files").iterdir()] == ["Small-GGUF"], "the folder went as one"
    assert done.can_undo
    assert restoring(done) == path
    assert library.find("Small").record["licence"] == "mit"
    assert not list((own_trash / "info").iterdir())
    assert not done.can_undo


def test_nothing_is_put_back_over_something_new(library: Library) -> None:
    done = removed(planned(library, put(library, "acme/a/a.gguf").name))
    put(library, "acme/a/a.gguf", b"new")
    with pytest.raises(Refused):
        restoring(done)


def test_parts_go_together(library: Library) -> None:
    for number in (1, 2, 3):
        put(library, f"acme/Big/Big-{number:05}-of-00003.gguf")
    keep = put(library, "acme/Big/Other.gguf")
    plan = planned(library, "acme/Big/Big-00001-of-00003.gguf")
    assert len(plan.going) == 3
    removed(plan, for_good=True)
    assert list((library.folder / "acme" / "Big").iterdir()) == [keep]


def test_a_projector_stays_for_the_other_model(library: Library) -> None:
    shared = put(library, "acme/See/mmproj.gguf", projector())
    put(library, "acme/See/See-Q4.gguf")
    put(library, "acme/See/See-Q8_0.gguf")
    assert [entry.title for entry in library.entries()] == ["See-Q4", "See-Q8_0"]
    first = planned(library, "See-Q4")
    assert [stays.path for stays in first.staying] == [shared]
    assert "See-Q8_0 uses it" in first.staying[0].reason
    removed(first, for_good=True)
    assert shared.exists()
    removed(planned(library, "See-Q8_0"), for_good=True)
    assert not shared.exists()


def test_a_folder_leaves_the_models_inside_it(library: Library) -> None:
    put(library, "acme/Base/config.json", b"{}")
    put(library, "acme/Base/model.safetensors", b"x")
    put(library, "acme/Base/notes/read.txt", b"x")
    inside = put(library, "acme/Base/made.gguf")
    records.write(inside, {"source": {"path": str(library.folder / "acme" / "Base")}})
    plan = planned(library, "acme/Base")
    assert inside in [stays.path for stays in plan.staying]
    assert plan.notes == ("made was made from it and stays.",)
    removed(plan, for_good=True)
    left = sorted(path.name for path in (library.folder / "acme" / "Base").iterdir())
    assert left == ["made.gguf", "made.gguf.halfbyte.json"]


def test_another_name_of_the_file_frees_nothing(library: Library, tmp_path: Path) -> None:
    path = put(library, "acme/a/a.gguf")
    (tmp_path / "other.gguf").hardlink_to(path)
    plan = planned(library, "acme/a/a.gguf")
    assert plan.freed_bytes == 0
    assert "another name" in plan.notes[0]
    removed(plan)
    assert (tmp_path / "other.gguf").exists()


def test_of_a_link_only_the_link_goes(library: Library, tmp_path: Path) -> None:
    (tmp_path / "real.gguf").write_bytes(tiny_gguf())
    link = library.folder / "acme" / "l" / "linked.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "real.gguf")
    plan = planned(library, "linked")
    assert plan.freed_bytes == 0 and "only the link goes" in plan.notes[0]
    removed(plan)
    assert (tmp_path / "real.gguf").exists() and not link.is_symlink()


def test_what_is_not_ours_is_not_deleted(library: Library, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(tiny_gguf())
    with pytest.raises(Refused):
        plan_removal(library.entry_at(tmp_path / "x.gguf"), library.folder, ())


def test_a_trash_that_fails_halfway_gives_everything_back(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [put(library, f"acme/Big/Big-{number:05}-of-00002.gguf") for number in (1, 2)]
    put(library, "acme/Big/Other.gguf")
    plan, real = planned(library, "acme/Big/Big-00001-of-00002.gguf"), trash.put

    def fails_at_second(path: Path) -> trash.Trashed:
        if path == paths[1]:
            raise Refused("The trash is full.")
        return real(path)

    monkeypatch.setattr(trash, "put", fails_at_second)
    with pytest.raises(Refused, match="full"):
        removed(plan)
    assert all(path.exists() for path in paths)


def test_stopping_before_the_first_file_deletes_nothing(library: Library) -> None:
    path = put(library, "acme/a/a.gguf")
    job = Removing(planned(library, "acme/a/a.gguf"))
    job.cancel()
    with pytest.raises(Cancelled):
        list(job)
    assert path.exists()


def test_a_disk_without_trash_says_so(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    put(library, "acme/a/a.gguf")
    monkeypatch.setattr(trash, "why_no_trash", lambda path: "The disk at /x has no trash.")
    assert planned(library, "acme/a/a.gguf").why_no_trash == "The disk at /x has no trash."


def test_a_deleted_starter_does_not_come_back_by_itself(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "starter.gguf").write_bytes(tiny_gguf())
    monkeypatch.setattr(starter, "_sources", lambda: iter([tmp_path / "starter.gguf"]))
    monkeypatch.setattr(starter, "SHA256", records.sha256(tmp_path / "starter.gguf"))
    placed = starter.place_starter(library)
    assert placed is not None and placed.record["files"]
    removed(plan_removal(placed, library.folder, library.entries()), for_good=True)
    assert starter.place_starter(library) is None
    assert starter.place_starter(library, again=True) is not None
    assert starter.place_starter(library) is not None
