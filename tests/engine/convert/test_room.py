from __future__ import annotations

import errno
from pathlib import Path

import pytest

from engine.convert import room as module
from engine.convert.room import GOES_ON, Room
from engine.errors import DiskFull


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
