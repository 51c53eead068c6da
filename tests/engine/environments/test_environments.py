"""Environments are set up with the real uv from a folder of wheels, found again, renewed, checked and removed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from engine.cli import environments
from engine.cli.commands import halfbyte
from engine.environments import uv
from engine.environments.check import Checking
from engine.environments.described import ENVIRONMENTS, Environment
from engine.environments.places import cache, find, folder_of, interpreter_for, root, usable, versions_here
from engine.environments.plan import Planning
from engine.environments.setup import SetUp, remove
from engine.errors import Cancelled, DamagedFile, DiskFull, NotFound, Offline, Refused
from engine.events import Finished, Progress
from engine.process import outside
from engine.process.host import Worker
from tests.helpers.machines import machine
from tests.helpers.wheels import write_wheel


def _has_uv():
    try:
        return uv.program().is_file()
    except NotFound:
        return False


needs_uv = pytest.mark.skipif(not _has_uv(), reason="uv is not installed")


@pytest.fixture
def small(tmp_path, monkeypatch):
    """An environment of two packages that lie in a folder; there is no network for uv."""
    wheels = tmp_path / "wheels"
    write_wheel(wheels, "smalltorch", "2.11.0")
    write_wheel(wheels, "smallformers", "5.1", "import smalltorch\n")
    pins = tmp_path / "pins.txt"
    pins.write_text("smalltorch==2.11.0\nsmallformers==5.1\n")
    environment = Environment("small", "small environment", "is small", pins, ("smalltorch", "smallformers"), 1, 2)
    monkeypatch.setitem(ENVIRONMENTS, "small", environment)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    return environment


def value(job):
    last = None
    for event in job:
        last = event
    assert isinstance(last, Finished)
    return last.value


@needs_uv
def test_one_is_planned_set_up_found_checked_renewed_and_removed(small, tmp_path):
    assert find(small).state == "absent" and usable("small") is None
    plan = value(Planning(small))
    assert {package.name: package.version for package in plan.packages} == {
        "smalltorch": "2.11.0",
        "smallformers": "5.1",
    }
    assert all(package.download_bytes for package in plan.packages) and plan.problem is None
    found = value(SetUp(plan))
    assert found.state == "ready" and found.disk_bytes > 0 and found.made_at
    assert value(Checking(small))["smalltorch"] == "2.11.0"
    assert versions_here("small", ["smalltorch", "smallformers"]) == {"smalltorch": "2.11.0", "smallformers": "5.1"}
    assert interpreter_for("small", ["smalltorch"]) == usable("small")
    assert interpreter_for("small", ["psutil"]) is None, "this interpreter has it"

    write_wheel(tmp_path / "wheels", "smallformers", "5.2")
    small.pins.write_text("smalltorch==2.11.0\nsmallformers==5.2\n")  # an update of the app
    assert find(small).state == "outdated" and usable("small") is not None
    assert value(SetUp(value(Planning(small)))).state == "ready"
    assert versions_here("small", ["smallformers"]) == {"smallformers": "5.2"}

    assert remove(small).state == "absent"
    assert not folder_of(small).exists() and not cache().exists()


@needs_uv
def test_a_worker_is_run_by_the_interpreter_of_its_environment(small, tmp_path, monkeypatch):
    value(SetUp(value(Planning(small))))
    (tmp_path / "asked.py").write_text(
        "import sys, smallformers\nfrom engine.events import Finished\nfrom engine.process.child import serve\n"
        "def who():\n    yield Finished(sys.executable)\n"
        "if __name__ == '__main__':\n    serve(lambda stop: {'who': who})\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = Worker("asked", python=usable("small"))
    try:
        assert worker.ask("who").finish() == str(usable("small"))
    finally:
        worker.close()


@needs_uv
def test_one_that_is_cancelled_leaves_the_old_one_and_nothing_half_made(small):
    plan = value(Planning(small))
    job = SetUp(plan)
    events = iter(job)
    assert isinstance(next(events), Progress)
    job.cancel()
    with pytest.raises(Cancelled):
        list(events)
    assert find(small).state == "absent"
    assert not list(root().glob("*.part"))


@needs_uv
def test_what_a_killed_set_up_left_is_taken_away_and_done_anew(small):
    part = folder_of(small).with_suffix(".part")
    (part / "lib").mkdir(parents=True)
    (part / "lib" / "half").write_text("half")
    assert find(small).state == "absent"
    assert value(SetUp(value(Planning(small)))).state == "ready"
    assert not part.exists()


@needs_uv
@pytest.mark.parametrize("change", ["renew", "remove"])
def test_one_that_is_in_use_stays_as_it_is(small, monkeypatch, change):
    """Windows moves no folder whose interpreter runs."""
    value(SetUp(value(Planning(small))))
    rename = Path.rename

    def refuse(self, target):
        if self == folder_of(small):
            raise PermissionError(13, "The process cannot access the file")
        return rename(self, target)

    plan = value(Planning(small))
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(Refused, match="cannot be removed: The process") as caught:
        value(SetUp(plan)) if change == "renew" else remove(small)
    assert "End what uses it" in caught.value.hint
    assert find(small).state == "ready" and not list(root().glob("*.part"))


@needs_uv
def test_a_package_that_the_index_lacks_is_named(small):
    small.pins.write_text("smalltorch==9.9\n")
    with pytest.raises(Refused, match="smalltorch"):
        list(Planning(small))


@needs_uv
def test_a_package_that_cannot_be_imported_is_not_called_done(small, tmp_path):
    write_wheel(tmp_path / "wheels", "smallformers", "5.1", "raise RuntimeError('no such card')\n")
    with pytest.raises(DamagedFile, match="no such card"):
        list(SetUp(value(Planning(small))))
    assert find(small).state == "absent"


@needs_uv
def test_too_little_room_is_told_before_anything_is_fetched(small, monkeypatch):
    plan = replace(value(Planning(small)), free_bytes=1000)
    assert isinstance(plan.problem, DiskFull)
    with pytest.raises(DiskFull):
        list(SetUp(plan))


@needs_uv
def test_in_the_terminal(small, monkeypatch):
    click_type = halfbyte.commands["environments"].commands["set-up"].params[0].type
    monkeypatch.setattr(click_type, "choices", (*click_type.choices, "small"))
    run = CliRunner().invoke
    shown = run(halfbyte, ["environments", "set-up", "small", "--plan"])
    assert shown.exit_code == 0 and "smalltorch 2.11.0" in shown.output
    assert run(halfbyte, ["environments", "set-up", "small", "--yes"]).exit_code == 0
    rows = json.loads(run(halfbyte, ["environments", "list", "--json"]).stdout)
    assert {row["name"]: row["state"] for row in rows}["small"] == "ready"
    assert "2 packages" in run(halfbyte, ["environments", "check", "small"]).output
    assert run(halfbyte, ["environments", "remove", "small", "--yes"]).exit_code == 0
    assert find(small).state == "absent"


@needs_uv
@pytest.mark.parametrize("gpus", [[], [{"vendor": "nvidia"}]])
def test_without_a_card_it_is_said_before_anything_is_fetched(small, monkeypatch, gpus):
    click_type = halfbyte.commands["environments"].commands["set-up"].params[0].type
    monkeypatch.setattr(click_type, "choices", (*click_type.choices, "small"))
    monkeypatch.setattr(environments, "probe", lambda: machine({"gpus": gpus}))
    shown = CliRunner().invoke(halfbyte, ["environments", "set-up", "small"], input="n\n")
    assert ("No NVIDIA card was found here" in shown.output) is not bool(gpus)
    assert find(small).state == "absent"


def test_one_that_lost_its_python_is_damaged(small):
    folder_of(small).mkdir(parents=True)
    assert find(small).state == "damaged" and usable("small") is None
    with pytest.raises((NotFound, DamagedFile)):
        list(Checking(small))


def test_uv_is_found_where_its_installer_puts_it(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))  # as a desktop starts an app
    monkeypatch.delenv(uv.CHOSEN, raising=False)
    monkeypatch.setattr(uv.sys, "executable", str(tmp_path / "app" / "halfbyte"))
    installed = tmp_path / ".local" / "bin" / uv.NAME
    installed.parent.mkdir(parents=True)
    installed.touch()
    assert uv.program() == installed


def test_without_uv_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(uv, "_candidates", lambda: iter(()))
    with pytest.raises(NotFound) as error:
        uv.program()
    assert "pipx install uv" in error.value.hint


@needs_uv
def test_the_packaged_app_finds_the_one_that_an_older_package_made(small, tmp_path, monkeypatch):
    value(SetUp(value(Planning(small))))
    monkeypatch.setattr(outside.sys, "frozen", True, raising=False)
    monkeypatch.setattr(outside.sys, "_MEIPASS", str(tmp_path / "newer"), raising=False)
    assert usable("small") == interpreter_for("small", ["smalltorch"])
    assert value(Checking(small))["smalltorch"] == "2.11.0"


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("error: Failed to write\n  cause: No space left on device (os error 28)", DiskFull),
        (
            "error: Failed to fetch: `https://index.example/simple/torch/`\n  cause: dns error: failed to lookup",
            Offline,
        ),
        ("  × No solution found when resolving:\n  ╰─▶ Because there is no version of torch==9", Refused),
        ("error: No interpreter found for Python >=3.11", Refused),
        ("error: something new", Refused),
    ],
)
def test_what_uv_says_when_it_fails_becomes_an_error(said, kind, small):
    root().mkdir(parents=True)
    assert isinstance(uv.failure(said, "fetching"), kind)


def test_settings_of_pip_stand_in_where_uv_has_none(monkeypatch):
    for name in (*uv.PIP_FOR_UV, *uv.OLDER_NAMES.values()):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    assert uv.variables()["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    monkeypatch.setenv("UV_INDEX_URL", "https://other.example/simple")
    assert "UV_DEFAULT_INDEX" not in uv.variables()


def test_every_pin_is_exact():
    for environment in ENVIRONMENTS.values():
        for line in environment.pins.read_text("utf-8").split("\n"):
            assert not line or "==" in line.partition(";")[0], line
