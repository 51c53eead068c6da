"""Moving the library: verified before anything goes, stopped and killed at every point, and found again."""

from __future__ import annotations

import collections
import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.catalog import records
from engine.catalog.copying import CopyingIn
from engine.catalog.library import Library
from engine.catalog.moving import job as job_module
from engine.catalog.moving import plan as plan_module
from engine.catalog.moving.job import Moved, Moving, discard_move, moving, recover
from engine.catalog.moving.journal import Journal
from engine.catalog.moving.plan import plan_move
from engine.catalog.notes import Notes
from engine.errors import Cancelled, DamagedFile, DiskFull, Refused
from engine.events import Progress
from tests.helpers.app_layouts import tiny_gguf

NAMES = ("acme/A-GGUF/A.gguf", "acme/A-GGUF/A.gguf.halfbyte.json", "acme/Base/config.json", "other/b/b.gguf")


class Switch:
    """Remembers the folder that the setting was switched to."""

    def __init__(self) -> None:
        self.to: list[Path] = []

    def __call__(self, folder: Path) -> None:
        self.to.append(folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return fill(tmp_path / "old")


@pytest.fixture
def other_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every folder for one of another disk."""
    real = plan_module.plan_move

    def plan(*arguments: object) -> object:
        made = real(*arguments)  # type: ignore[arg-type]
        return dataclasses.replace(made, same_disk=False)

    monkeypatch.setattr(job_module, "plan_move", plan)


def fill(folder: Path) -> Path:
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(tiny_gguf(number))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".lock"
    }


def run(job: Moving) -> Moved:
    *_, last = job
    return last.value


@pytest.mark.parametrize("disk", ["same", "other"])
def test_everything_arrives_and_the_setting_follows(source: Path, tmp_path: Path, disk: str, request) -> None:
    if disk == "other":
        request.getfixturevalue("other_disk")
    before, switch = content(source), Switch()
    Notes().note_use(source / NAMES[0], 3.0)
    moved = run(moving(source, tmp_path / "new" / "place", switch))
    assert content(tmp_path / "new" / "place") == before
    assert not source.exists()
    assert switch.to == [tmp_path / "new" / "place"] and moved.left == ()
    assert Notes().used_s(tmp_path / "new" / "place" / NAMES[0]) == 3.0
    assert Journal().begun() is None


def test_progress_counts_each_byte_written_and_read(source: Path, tmp_path: Path, other_disk, monkeypatch) -> None:
    monkeypatch.setattr(job_module, "TELL_BYTES", 1)
    seen = [event for event in moving(source, tmp_path / "new", Switch()) if isinstance(event, Progress)]
    size_bytes = 4 * len(tiny_gguf())
    assert seen[-1].done == seen[-1].total == 2 * size_bytes
    assert [event.done for event in seen] == sorted(event.done for event in seen)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(stop_at=st.integers(0, 9))
def test_stopped_anywhere_the_old_library_is_whole_and_the_rest_is_not_copied_twice(
    tmp_path_factory, monkeypatch, other_disk, stop_at: int
) -> None:
    monkeypatch.setattr(job_module, "TELL_BYTES", 1)
    root = tmp_path_factory.mktemp("move")
    old, new, switch = fill(root / "old"), root / "new", Switch()
    before = content(old)
    job = moving(old, new, switch)
    try:
        for number, _event in enumerate(job):
            if number == stop_at:
                job.cancel()
    except Cancelled:
        assert content(old) == before and switch.to == []
        assert not list(new.rglob("*.moving"))
        again = moving(old, new, switch)
        assert again._plan.copied_bytes == sum(map(len, content(new).values()))
        run(again)
    assert content(new) == before and not old.exists()


@pytest.mark.parametrize("disk", ["same", "other"])
@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_killed_anywhere_nothing_is_lost(source: Path, tmp_path: Path, disk: str, after: int) -> None:
    before, new = content(source), tmp_path / "new"
    program = textwrap.dedent(f"""
        import dataclasses, os, signal
        from pathlib import Path
        from engine.catalog.moving import job
        job.TELL_BYTES = 1
        count = 0
        def switch(folder):
            Path({str(tmp_path / "switched")!r}).write_text(str(folder))
        real = os.replace
        plan = dataclasses.replace(job.plan_move(Path({str(source)!r}), Path({str(new)!r})), same_disk={disk == "same"})
        take, forget = job._take, job._forget_cached
        def counted(function):
            def call(*arguments):
                global count
                if count == {after}:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
                return function(*arguments)
            return call
        job._take, job._forget_cached = counted(take), counted(forget)
        for event in job.Moving(plan, switch):
            pass
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", program], env=dict(os.environ), check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    switched = (tmp_path / "switched").exists()
    here = {**content(source), **content(new)}
    assert {name: here.get(name) for name in before} == before
    switch = Switch()
    recover(new if switched else source, switch)
    if source.exists():
        assert content(source) == before, "a copy that was killed leaves the old library whole"
        run(Moving(plan_with(source, new), switch))
    assert {name: data for name, data in content(new).items() if name in before} == before
    assert not source.exists()
    assert switched or switch.to == [new]


def plan_with(source: Path, new: Path):
    return dataclasses.replace(plan_move(source, new), same_disk=False)


def test_killed_between_the_switch_and_the_removal(source: Path, tmp_path: Path, other_disk, monkeypatch) -> None:
    before = content(source)

    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(job_module, "remove_moved", die)
        run(moving(source, tmp_path / "new", Switch()))
    assert content(source) == before
    recovered = recover(tmp_path / "new", Switch())
    assert recovered and recovered.target == tmp_path / "new"
    assert not source.exists() and content(tmp_path / "new") == before


def test_a_disk_that_gives_back_something_else_is_found_out(source: Path, tmp_path, other_disk, monkeypatch) -> None:
    before = content(source)

    def spoil(file: Path) -> None:
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)

    monkeypatch.setattr(job_module, "_forget_cached", spoil)
    switch = Switch()
    with pytest.raises(DamagedFile):
        run(moving(source, tmp_path / "new", switch))
    assert content(source) == before and switch.to == []


def test_a_setting_that_cannot_be_kept_moves_nothing(source: Path, tmp_path: Path) -> None:
    def refuse(folder: Path) -> None:
        raise Refused("The settings cannot be kept.")

    before = content(source)
    with pytest.raises(Refused):
        run(moving(source, tmp_path / "new", refuse))
    assert content(source) == before and content(tmp_path / "new") == {}


def test_what_changed_meanwhile_stays(source: Path, tmp_path: Path, other_disk) -> None:
    def change(folder: Path) -> None:
        (source / NAMES[0]).write_bytes(b"newer")
        (source / "late.gguf").write_bytes(b"late")

    moved = run(moving(source, tmp_path / "new", change))
    assert set(moved.left) == {NAMES[0], "late.gguf"}
    assert (source / NAMES[0]).read_bytes() == b"newer"


def test_links_arrive_as_links(source: Path, tmp_path: Path, other_disk) -> None:
    (tmp_path / "outside.gguf").write_bytes(tiny_gguf())
    (source / "acme" / "link.gguf").symlink_to("../../outside.gguf")
    run(moving(source, tmp_path / "far" / "new", Switch()))
    assert (tmp_path / "far" / "new" / "acme" / "link.gguf").resolve() == tmp_path / "outside.gguf"
    assert (tmp_path / "outside.gguf").exists()


def test_a_move_that_is_given_up_leaves_nothing_there(source: Path, tmp_path: Path, other_disk, monkeypatch) -> None:
    monkeypatch.setattr(job_module, "TELL_BYTES", 1)
    job, before = moving(source, tmp_path / "new", Switch()), content(source)
    with pytest.raises(Cancelled):
        for number, _event in enumerate(job):
            if number == 4:
                job.cancel()
    assert content(tmp_path / "new")
    discard_move()
    assert content(source) == before and not (tmp_path / "new").exists()
    assert Journal().begun() is None


def test_folders_that_cannot_be(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for target in (source, source / "within", tmp_path, tmp_path / "file"):
        with pytest.raises(Refused):
            plan_move(source, target)
    (tmp_path / "new" / "acme" / "A-GGUF").mkdir(parents=True)
    (tmp_path / "new" / NAMES[0]).touch()
    with pytest.raises(Refused, match="there already"):
        plan_move(source, tmp_path / "new")


def test_a_disk_that_is_too_full_is_told_before(source: Path, tmp_path: Path, monkeypatch) -> None:

    usage = collections.namedtuple("usage", "total used free")
    real = plan_module._nearest
    monkeypatch.setattr(plan_module.shutil, "disk_usage", lambda _path: usage(1, 1, 0))
    stats = iter([1, 2])

    class Other:
        def stat(self):
            return type("S", (), {"st_dev": next(stats)})

    monkeypatch.setattr(plan_module, "_nearest", lambda path: Other() if path == tmp_path / "new" else real(path))
    with pytest.raises(DiskFull):
        plan_move(source, tmp_path / "new")


def test_a_model_is_copied_into_the_library(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "mine.gguf"
    file.parent.mkdir()
    file.write_bytes(tiny_gguf())
    library = Library(tmp_path / "models")
    *_, last = CopyingIn(library.entry_at(file), library)
    made = last.value
    assert made.name == "local/mine-GGUF/mine.gguf"
    assert made.path.read_bytes() == file.read_bytes()
    assert records.read(made.path)["files"]["mine.gguf"]["sha256"] == records.sha256(file)
    with pytest.raises(Refused):
        list(CopyingIn(library.entry_at(file), library))
    stopped = CopyingIn(library.entry_at(file), Library(tmp_path / "second"))
    stopped.cancel()
    with pytest.raises(Cancelled):
        list(stopped)
    assert content(tmp_path / "second") == {}
