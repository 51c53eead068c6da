"""Kills conversions at random moments, the worker or the whole app, and starts them again until they are done.

``python -m tests.campaigns.convert_kills FOLDER [--trials 100] [--seed 1]`` with a model's folder. Each trial makes
three files, every fifth one with an importance matrix. After each kill the library must list nothing that is not
whole; in the end there must be the same files as without a kill, and nothing else, in the temporary folder neither.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.catalog.library import Library
from engine.catalog.records import sha256
from engine.convert.plan import Options, plan
from engine.convert.run import Conversions
from engine.errors import EngineError
from engine.events import Finished

FORMATS = ("gguf-bf16", "gguf-q4_k_m", "gguf-q8_0")
WITH_MATRIX = 5  # one trial in so many learns an importance matrix first
WORDS = "The river rose in the night, and by morning the road to the mill was gone. Nobody had heard it go. " * 120


def convert(source: Path, folder: Path) -> None:
    """Convert to what is not there yet; for a process that may be killed."""
    library = Library(folder)
    texts = tuple(folder.glob("*.txt"))
    options = Options(computes_importance=True, calibration=texts) if texts else Options()
    plain = Options()
    plans = [
        plan(source, one, folder / "made" / f"{one}.gguf", library, plain if one == "gguf-bf16" else options)
        for one in FORMATS
    ]
    todo = [one for one in plans if not one.target.exists()]
    if todo:
        assert isinstance(list(Conversions(todo))[-1], Finished)


def prepared(folder: Path, matrix: bool) -> Path:
    folder.mkdir()
    if matrix:
        (folder / "words.txt").write_text(WORDS)
    return folder


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


def trial(source: Path, folder: Path, whole: Whole, chance: random.Random) -> str:
    """Kill once, or twice: what goes on after a kill may be killed as well."""
    told: list[str] = []
    for _ in range(chance.choice((1, 1, 1, 2))):
        who = chance.choice(("app", "worker"))
        killed = kill(app := start(source, folder), who, chance.uniform(0.1, whole.usual_s))
        app.wait()
        check(folder, whole.hashes)
        left = sum(path.suffix == ".part" for path in folder.rglob("*"))
        if killed:
            told.append(f"{who} killed, {'went on' if left else 'began anew'}")
    again = start(source, folder)
    assert again.wait() == 0, "it does not go on"
    check(folder, whole.hashes)
    assert names(folder) == whole.names, f"something stays: {names(folder) ^ whole.names}"
    return ", then ".join(told) or "too late to kill"


@dataclass(frozen=True)
class Whole:
    """What a run leaves that nobody kills, and how long it takes."""

    hashes: dict[str, str]
    names: set[str]
    usual_s: float


def run_whole(source: Path, folder: Path) -> Whole:
    start_s = time.monotonic()
    assert start(source, folder).wait() == 0
    usual_s = time.monotonic() - start_s
    hashes = {entry.path.name: sha256(entry.path) for entry in Library(folder).entries()}
    assert len(hashes) == len(FORMATS)
    return Whole(hashes, names(folder), usual_s)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


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
    chance, seen = random.Random(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as made:
        place, temporary = Path(made), Path(made) / "tmp"
        temporary.mkdir()
        os.environ.update(GOMP_SPINCOUNT="1000", TMPDIR=str(temporary))
        whole = [run_whole(given.source, prepared(place / f"whole-{kind}", kind)) for kind in (False, True)]
        print(f"without a kill {whole[False].usual_s:.0f} s, with a matrix {whole[True].usual_s:.0f} s", flush=True)
        number = 0
        while number < given.trials:
            folder = prepared(place / "trial", matrix := number % WITH_MATRIX == WITH_MATRIX - 1)
            told = trial(given.source, folder, whole[matrix], chance)
            number += told != "too late to kill"
            seen[told] += 1
            shutil.rmtree(folder)
            print(f"{number}: {dict(seen)}", flush=True)
        left = list(temporary.iterdir())
        assert not left, f"in the temporary folder: {left}"


if __name__ == "__main__":
    main()
