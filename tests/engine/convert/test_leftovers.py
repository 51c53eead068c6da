from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.convert.leftovers import adopted, adopted_folder, journal_of, remove_leftovers, unfinished

KEY = "0123456789abcdef"


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_nobody_finishes_is_removed_and_nothing_else(tmp_path: Path, dead: int) -> None:
    orphan = tmp_path / f"converting-{dead}-00c0ffee.part"
    kept = [
        unfinished(tmp_path),  # of this process, which runs
        tmp_path / "model.gguf",
        tmp_path / "model.gguf.part",  # somebody else's
        tmp_path / "converting-x-00c0ffee.part",
        half := tmp_path / f"converting-{dead}-{KEY}.part",  # somebody may go on with it
        journal_of(half),
    ]
    for path in (orphan, *kept):
        path.write_bytes(b"")
    remove_leftovers(tmp_path)
    assert not orphan.exists()
    assert all(path.exists() for path in kept)


def test_what_nobody_went_on_with_for_a_week_is_removed(tmp_path: Path, dead: int) -> None:
    path = tmp_path / f"converting-{dead}-{KEY}.part"
    path.write_bytes(b"")
    long_ago = time.time() - 8 * 86_400
    os.utime(path, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_what_died_before_its_journal_is_removed(tmp_path: Path, dead: int) -> None:
    begun = tmp_path / f"converting-{dead}-{KEY}.part"
    begun.write_bytes(b"")
    remove_leftovers(tmp_path)
    assert not begun.exists()


def test_a_folder_of_finished_layers_is_kept_and_taken_over(tmp_path: Path, dead: int) -> None:
    left = tmp_path / f"converting-{dead}-{KEY}.part"
    left.mkdir()
    (left / "layer").write_bytes(b"0")
    remove_leftovers(tmp_path)
    own = adopted_folder(tmp_path, KEY)
    assert (own / "layer").read_bytes() == b"0"
    assert not left.exists()
    assert adopted_folder(tmp_path, "fedcba9876543210").name.endswith("-fedcba9876543210.part")


def test_a_dead_process_is_succeeded(tmp_path: Path, dead: int) -> None:
    left = tmp_path / f"converting-{dead}-{KEY}.part"
    left.write_bytes(b"half")
    journal_of(left).write_text("identity\n")
    own = adopted(tmp_path, KEY)
    assert own == unfinished(tmp_path, KEY)
    assert (own.read_bytes(), journal_of(own).read_text()) == (b"half", "identity\n")
    assert not left.exists()


@pytest.mark.parametrize("key", [KEY, "fedcba9876543210"])
def test_a_living_process_and_another_result_are_left_alone(tmp_path: Path, key: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        theirs = tmp_path / f"converting-{other.pid}-{KEY}.part"
        theirs.write_bytes(b"half")
        journal_of(theirs).write_text("identity\n")
        assert not adopted(tmp_path, key).exists()
        assert theirs.exists()


def test_a_number_that_another_process_has_now_keeps_nothing_alive(tmp_path: Path) -> None:
    """After a restart of the computer this process may have the number of the one that was killed."""
    path = unfinished(tmp_path)
    path.write_bytes(b"")
    yesterday = time.time() - 86_400
    os.utime(path, (yesterday, yesterday))
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_names_differ_and_are_no_models(tmp_path: Path) -> None:
    names = {unfinished(tmp_path).name for _ in range(50)}
    assert len(names) == 50
    assert all(name.endswith(".part") and "{" not in name for name in names)


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "nowhere")
    assert not adopted(tmp_path / "nowhere", KEY).exists()
