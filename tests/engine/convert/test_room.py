from __future__ import annotations

import errno
from collections import namedtuple
from pathlib import Path

import pytest

from engine.convert import room as module
from engine.convert.room import GOES_ON, Room
from engine.errors import DamagedFile, DiskFull

Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_waited_for_and_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.0)
    answers = [OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota"), 7]
    told: list[str] = []

    def write() -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert Room(tmp_path, told.append).wait_for(write) == 7
    assert [GOES_ON in told, len(told)] == [True, 2]
    assert "Free some space" in told[0]


def test_a_limit_that_waiting_does_not_lift_is_an_error(tmp_path: Path) -> None:
    def write() -> int:
        raise OSError(errno.EFBIG, "too large")

    with pytest.raises(DiskFull):
        Room(tmp_path, lambda text: None).wait_for(write)


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(tmp_path, lambda text: None)
    put = room._put
    monkeypatch.setattr(room, "_put", lambda file, data, offset: put(file, data[:3], offset))
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        room.write_at(file, memoryview(b"0123456789"), 2)  # type: ignore[arg-type]
    assert (tmp_path / "file").read_bytes() == b"\0\0" + b"0123456789"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
        RuntimeError("I/O error: There is not enough space on the disk. (os error 112)"),  # the same on Windows
    ],
)
def test_a_library_that_cannot_wait_tells_of_the_disk(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(DiskFull), module.fullness_explained(tmp_path):
        raise error


def test_what_fails_with_room_on_the_disk_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: Usage(9**9, 0, 9**9))
    with pytest.raises(KeyError), module.fullness_explained(tmp_path):
        raise KeyError("layer")
    with pytest.raises(DamagedFile), module.fullness_explained(tmp_path):
        raise DamagedFile("a", "b", "(os error 28)")
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: Usage(9**9, 9**9, 0))
    with pytest.raises(DiskFull), module.fullness_explained(tmp_path):
        raise RuntimeError("unexpected pos 64 vs 0")  # PyTorch's of a short write
