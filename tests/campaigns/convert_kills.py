"""Kills conversions at random moments, the worker or the whole app, and starts them again until they are done.

``python -m tests.campaigns.convert_kills FOLDER [--trials 100] [--seed 1]`` with a model's folder. After each kill the
library must list nothing that is not whole; the result must be the same file as without a kill.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from engine.catalog.library import Library
from engine.catalog.records import sha256
from engine.convert.plan import plan
from engine.convert.run import Conversions
from engine.errors import EngineError
from engine.events import Finished

FORMATS = ("gguf-q4_k_m", "gguf-q8_0")


def convert(source: Path, folder: Path) -> None:
    """Convert to what is not there yet; for a process that may be killed."""
    library = Library(folder)
    plans = [plan(source, one, folder / "made" / f"{one}.gguf", library) for one in FORMATS]
    todo = [one for one in plans if not one.target.exists()]
    if todo:
        assert isinstance(list(Conversions(todo))[-1], Finished)


def start(source: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.campaigns.convert_kills", str(source), "--convert", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check(folder: Path, expected: dict[str, str]) -> None:
    """Raise where the library lists something that is not whole."""
    for entry in Library(folder).entries():
        assert sha256(entry.path) == expected[entry.path.name], f"{entry.path} is half-made"
        assert entry.record["sha256"] == expected[entry.path.name], f"{entry.path} has another record"


def kill(app: subprocess.Popen[bytes], who: str, delay_s: float) -> bool:
    """Kill the app or its worker after a while; tell whether there was something to kill."""
    time.sleep(delay_s)
    try:
        process = psutil.Process(app.pid)
        workers = process.children()
        victim = process if who == "app" else workers[0]
        victim.send_signal(signal.SIGKILL)
    except (psutil.NoSuchProcess, IndexError):
        return False
    app.wait()
    psutil.wait_procs(workers, timeout=5)
    return True


def trial(source: Path, folder: Path, expected: dict[str, str], chance: random.Random, usual_s: float) -> str:
    who = chance.choice(("app", "worker"))
    killed = kill(app := start(source, folder), who, chance.uniform(0.1, usual_s))
    app.wait()
    check(folder, expected)
    left = sum(path.suffix == ".part" for path in folder.rglob("*"))
    convert(source, folder)
    check(folder, expected)
    assert len(Library(folder).entries()) == len(FORMATS)
    assert not list(folder.rglob("*.part")), "something half-made stays"
    return f"{who} killed, {'went on' if left else 'began anew'}" if killed else "too late to kill"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--convert", type=Path)
    given = parser.parse_args()
    if given.convert:
        try:
            convert(given.source, given.convert)
        except EngineError as error:
            raise SystemExit(error.message) from error
        return
    os.environ["GOMP_SPINCOUNT"] = "1000"
    chance, seen = random.Random(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as place:
        start_s = time.monotonic()
        start(given.source, Path(place) / "whole").wait()
        usual_s = time.monotonic() - start_s
        expected = {entry.path.name: sha256(entry.path) for entry in Library(Path(place) / "whole").entries()}
        assert len(expected) == len(FORMATS)
        for number in range(given.trials):
            seen[trial(given.source, Path(place) / str(number), expected, chance, usual_s)] += 1
            print(f"{number + 1}: {dict(seen)}", flush=True)


if __name__ == "__main__":
    main()
