"""A short soak of the running app: what tests/benchmarks/soak.py does for half an hour, in less than a minute."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_while_of_chatting_leaves_nothing_behind() -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "tests.benchmarks.soak", "--minutes", "0.35", "--part", "scripted"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert "Traceback" not in done.stderr, done.stderr
    answers = re.search(r"(\d+) answers", done.stdout)
    assert answers is not None and int(answers[1]) >= 3, done.stdout + done.stderr
    missed = [line for line in done.stdout.splitlines() if "MISSED" in line]
    # A machine that is busy with other tests says nothing of the main thread in so few seconds.
    assert [line for line in missed if "the main thread" not in line] == [], done.stdout
