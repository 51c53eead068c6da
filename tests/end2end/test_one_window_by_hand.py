"""A second start of the real app: its file opens in the first window, and nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from tests.helpers.person import Person, why_not
from tests.helpers.program import program

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

MODEL = "Found on the disk.Q4_1.gguf"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    (home / "config" / "settings.json").write_text(json.dumps({"theme": "light", "threads": 1}))
    return home


@pytest.fixture
def model(starter: Checkpoint, tmp_path: Path) -> Path:
    return Path(shutil.copy(starter.path, tmp_path / MODEL))


def start_again(person: Person, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(*arguments), env=person.environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_second_start_hands_its_file_to_the_first(home: Path, model: Path, tmp_path: Path) -> None:
    with Person(home) as person:
        person.see("Settings", "radio button", within_s=40)
        second = start_again(person, str(model))
        assert (second.returncode, second.stderr) == (0, "")
        person.see(MODEL.split(".")[0], "combo box", within_s=40)
        person.see("Your question", "text")
        person.picture(tmp_path / "second.png")
        assert len(person.look("", "frame")) == 1, "there is a second window"
        assert "Traceback" not in person.log.read_text()


def test_a_killed_window_is_no_obstacle_and_a_start_opens_its_file(home: Path, model: Path) -> None:
    with Person(home) as person:
        person.see("Settings", "radio button", within_s=40)
        os.kill(person.app.pid, signal.SIGKILL)
        person.app.wait()
    began = time.monotonic()
    with Person(home, [str(model)]) as person:
        person.see(MODEL.split(".")[0], "combo box", within_s=40)
        assert time.monotonic() - began < 40
        assert "Traceback" not in person.log.read_text()
