"""How much of a disk the caches of read prompts may take."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.runtime.kept_prompts import make_room

GIB = 1024**3


@pytest.mark.parametrize(
    ("total_gib", "free_gib", "written"),
    [(2000, 7, True), (2000, 5, False), (20, 4, True), (20, 2, False)],
)
def test_the_last_of_a_disk_is_left_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total_gib: int, free_gib: int, written: bool
) -> None:
    usage = SimpleNamespace(total=total_gib * GIB, free=free_gib * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert make_room(tmp_path / "talk.kv", GIB) == written
