"""The one part that touches the computer, on this computer."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.machine import disks
from engine.machine.facts import Disk
from engine.machine.sources import Live
from engine.machine.unavailable import Unavailable


@pytest.fixture
def live() -> Iterator[Live]:
    source = Live()
    yield source
    source.close()


def test_files_that_are_not_there_read_as_nothing(live: Live, tmp_path: Path) -> None:
    assert live.text(str(tmp_path / "none")) == ""
    assert live.text(str(tmp_path)) == ""
    assert live.names(str(tmp_path / "none")) == ()
    assert live.link(str(tmp_path)) == ""


def test_files_links_and_names(live: Live, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\xff1\n")
    (tmp_path / "a").symlink_to("/sys/bus/pci/drivers/amdgpu")
    assert live.text(str(tmp_path / "b")) == "\ufffd1\n"
    assert live.link(str(tmp_path / "a")) == "amdgpu"
    assert live.names(str(tmp_path)) == ("a", "b")


def test_a_command_that_hangs_is_ended_at_its_limit(live: Live) -> None:
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 seconds"):
        live.output(sys.executable, "-c", "import time; time.sleep(60)", limit_s=0.3)
    assert time.monotonic() - start < 5


def test_a_command_that_is_not_installed(live: Live) -> None:
    with pytest.raises(Unavailable, match="cannot be started: No such file"):
        live.output("no-such-program-anywhere")


def test_what_a_failing_command_printed_counts(live: Live) -> None:
    program = "import sys; print('known: 1'); sys.exit('sysctl: unknown oid')"
    assert live.output(sys.executable, "-c", program) == "known: 1\n"


def test_a_package_that_is_not_there(live: Live) -> None:
    assert live.version("psutil")
    assert live.version("no-such-package-anywhere") is None


def test_a_folder_that_is_not_made_yet_has_the_room_of_the_one_above(live: Live, tmp_path: Path) -> None:
    wanted = tmp_path / "not" / "made" / "yet"
    (disk,), missing = disks.read(live, {"models": wanted})
    assert disk == Disk("models", str(wanted), disk.total_bytes, disk.free_bytes)
    assert disk.total_bytes >= disk.free_bytes > 0
    assert missing == ()
    assert disks.existing(wanted) == tmp_path


def test_a_disk_that_fails_is_a_row(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path) -> tuple[int, int]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(live, "room", broken)
    found, (row,) = disks.read(live, {"models": tmp_path})
    assert found == ()
    assert "Input/output error" in row.reason
