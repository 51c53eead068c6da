from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from engine.convert.leftovers import remove_leftovers, unfinished


def test_what_nobody_finishes_is_removed_and_nothing_else(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    orphan = tmp_path / f"converting-{dead.pid}-00c0ffee.part"
    kept = [
        unfinished(tmp_path),  # of this process, which runs
        tmp_path / "model.gguf",
        tmp_path / "model.gguf.part",  # somebody else's
        tmp_path / "converting-x-00c0ffee.part",
    ]
    for path in (orphan, *kept):
        path.write_bytes(b"")
    remove_leftovers(tmp_path)
    assert not orphan.exists()
    assert all(path.exists() for path in kept)


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
