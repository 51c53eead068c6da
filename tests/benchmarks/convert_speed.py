"""Measures a whole conversion beside upstream's two steps: seconds, processor time, peak memory, peak disk.

``python -m tests.benchmarks.convert_speed FOLDER --python VENV/bin/python --converter convert_hf_to_gguf.py
--quantizer llama-quantize [--level Q4_K_M] [--rounds 3]``. The virtual environment has torch and transformers 4.57.6;
``tests.benchmarks.llama_tools`` builds the quantizer. Rounds alternate, because machines are seldom quiet. Memory is
the largest resident set of one process, mapped pages included; disk is what lies in the working folder at its worst.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from engine.catalog.library import Library
from engine.catalog.records import sha256
from engine.convert.extras import Wanted
from engine.convert.plan import Options, plan
from engine.convert.run import Conversion
from engine.events import Finished

MB = 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    wall_s: float
    cpu_s: float
    memory_bytes: int
    disk_bytes: int


class Disk:
    """Watches how much of the disk a folder takes; a hole in a file takes nothing."""

    def __init__(self, folder: Path) -> None:
        self.peak_bytes = 0
        self._folder = folder
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Disk:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.1):
            taken = 0
            for file in self._folder.rglob("*"):
                try:
                    taken += file.stat().st_blocks * 512
                except FileNotFoundError:
                    continue
            self.peak_bytes = max(self.peak_bytes, taken)


def cost(commands: Sequence[Sequence[str | Path]], folder: Path) -> Cost:
    """Run commands one after the other; their memory is that of the larger one."""
    cpu_s, memory_bytes, start_s = 0.0, 0, time.monotonic()
    with Disk(folder) as disk:
        for command in commands:
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                _, status, used = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            cpu_s += used.ru_utime + used.ru_stime
            memory_bytes = max(memory_bytes, used.ru_maxrss * 1024)
    return Cost(time.monotonic() - start_s, cpu_s, memory_bytes, disk.peak_bytes)


def ours(source: Path, level: str, target: Path) -> None:
    """Convert once, in this process, which a benchmark starts for it."""
    options = Options(wanted=Wanted(comparison=False))  # the two steps compare nothing
    planned = plan(source, f"gguf-{level.lower()}", target, Library(target.parent), options)
    last = list(Conversion(planned))[-1]
    assert isinstance(last, Finished)
    print(last.value.record["seconds"], file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--python", type=Path)
    parser.add_argument("--converter", type=Path)
    parser.add_argument("--quantizer", type=Path)
    parser.add_argument("--level", default="Q4_K_M")
    parser.add_argument("--outtype", default="bf16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--ours", type=Path)
    given = parser.parse_args()
    if given.ours:
        ours(given.folder, given.level, given.ours)
        return
    two, one = [], []
    with tempfile.TemporaryDirectory(dir=given.folder.parent) as place:
        work = Path(place)
        for number in range(given.rounds):
            first, made, mine = (work / name for name in ("first.gguf", "upstream.gguf", "ours.gguf"))
            cast = [given.python, given.converter, given.folder, "--outfile", first, "--outtype", given.outtype]
            two.append(cost([cast, [given.quantizer, first, made, given.level, given.threads]], work))
            expected = sha256(made)
            shutil.rmtree(work)
            work.mkdir()
            again = [sys.executable, "-m", "tests.benchmarks.convert_speed", given.folder, "--level", given.level]
            one.append(cost([[*again, "--ours", mine]], work))
            same = "the same file" if sha256(mine) == expected else "ANOTHER FILE"
            shutil.rmtree(work)
            work.mkdir()
            print(f"round {number + 1}: {same}\n  two steps {two[-1]}\n  ours      {one[-1]}", flush=True)
    for name, unit, scale in (
        ("wall_s", "s", 1),
        ("cpu_s", "s", 1),
        ("memory_bytes", "MB", MB),
        ("disk_bytes", "MB", MB),
    ):
        theirs, mine = (median(getattr(row, name) for row in rows) / scale for rows in (two, one))
        print(f"{name:13} two steps {theirs:8.1f} {unit}   ours {mine:8.1f} {unit}   ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()
