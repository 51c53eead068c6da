"""How much of a disk the caches of read prompts may take."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine import settings
from engine.runtime import kept_prompts
from engine.runtime.kept_prompts import make_room
from engine.settings import DEFAULTS

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


@pytest.mark.parametrize(
    ("chosen_gb", "written", "kept"),
    [(4.0, True, ["new", "old"]), (0.0025, True, ["new"]), (0.0, False, [])],
)
def test_the_person_says_how_much_all_may_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen_gb: float, written: bool, kept: list[str]
) -> None:
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    usage = SimpleNamespace(total=2000 * GIB, free=1000 * GIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    settings.save(DEFAULTS.changed(kept_prompts_gb=chosen_gb))
    for age_s, name in ((100, "old"), (50, "new")):
        file = tmp_path / f"{name}.kv"
        file.write_bytes(bytes(1_000_000))
        used_s = file.stat().st_mtime - age_s
        os.utime(file, (used_s, used_s))
    assert make_room(tmp_path / "talk.kv", 1_000_000) == written
    assert sorted(file.stem for file in tmp_path.glob("*.kv")) == kept


def test_a_lower_limit_removes_the_oldest_and_tells_how_much(home: Path) -> None:
    kept_prompts.folder().mkdir(parents=True)
    for age_s, name in ((100, "old"), (50, "new")):
        file = kept_prompts.file_for(name)
        file.write_bytes(bytes(1_000_000))
        kept_prompts.sidecar(file).write_text("{}")
        used_s = file.stat().st_mtime - age_s
        os.utime(file, (used_s, used_s))
    assert kept_prompts.trim(2_000_000) == 0
    assert kept_prompts.trim(1_999_999) == 1_000_000
    assert sorted(path.name for path in kept_prompts.folder().iterdir()) == ["new.json", "new.kv"]
    assert kept_prompts.trim(0) == 1_000_000
    assert list(kept_prompts.folder().iterdir()) == []
