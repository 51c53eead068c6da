"""Spoilt models, thousands of them: looking at one must end in typed problems, in bounded time and memory.

``python -m tests.campaigns.corrupt_models [--first SEED] [--count 2000] [--convert 40]``

Each seed spoils one file of a tiny folder, or a tiny GGUF file, and plans its conversion in this process,
as the window does: at most 10 s and 512 MiB more than before, and nothing raised. Of those that the plan lets pass,
``--convert`` many go through the real conversion: it ends with a file, or with a typed error and nothing left behind.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.library import Library
from engine.convert.plan import Plan, plan
from engine.convert.run import Conversion
from engine.errors import EngineError
from engine.events import Finished
from tests.helpers.bounded import bounded
from tests.helpers.corruption import spoil
from tests.helpers.gguf_files import write_gguf
from tests.helpers.tiny_models import write_tiny_model

TIME_S, MEMORY_BYTES = 10, 512 << 20


@dataclass(frozen=True)
class Look:
    """What a spoilt model looked like: the problem's kind, “passes”, or what was raised."""

    seed: int
    what: str
    outcome: str
    seconds: float
    failed: bool
    plan: Plan | None


def originals(place: Path) -> list[Path]:
    """Write what is to be spoilt: two folders and one with a GGUF file."""
    write_tiny_model("llama-hf", place / "folder", shards=3)
    write_tiny_model("llama-spm", place / "sentencepiece")
    (place / "gguf").mkdir()
    write_gguf(place / "gguf" / "model-f16.gguf")
    return [place / name for name in ("folder", "folder", "sentencepiece", "gguf")]


def looks(place: Path, seeds: range) -> Iterator[Look]:
    """Spoil and look, for each seed; the spoilt model lies in ``place/spoilt`` until the next."""
    models = originals(place)
    for seed in seeds:
        spoilt = place / "spoilt"
        shutil.rmtree(spoilt, ignore_errors=True)
        shutil.copytree(models[seed % len(models)], spoilt)
        yield look(seed, spoilt, spoil(spoilt, seed))


def look(seed: int, spoilt: Path, what: str) -> Look:
    files = list(spoilt.glob("*.gguf"))
    start_s = time.monotonic()
    try:
        with bounded(TIME_S, MEMORY_BYTES):
            planned = plan(
                files[0] if files else spoilt, "gguf-f32", spoilt.parent / "made" / "m.gguf", Library(spoilt)
            )
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Look(seed, what, f"{type(error).__name__}: {error}", time.monotonic() - start_s, True, None)
    kinds = sorted({problem.kind for problem in planned.problems})
    return Look(seed, what, ", ".join(kinds) or "passes", time.monotonic() - start_s, False, planned)


def conversion_outcome(planned: Plan) -> tuple[str, bool]:
    """Convert what the plan let pass; return how it ended, and whether that was wrong."""
    folder = planned.target.parent
    try:
        events = list(Conversion(planned))
        outcome, wrong = ("converted", not isinstance(events[-1], Finished))
    except EngineError as error:
        outcome, wrong = error.kind, folder.exists()
    except Exception as error:
        traceback.print_exc()
        outcome, wrong = f"{type(error).__name__}: {str(error)[-300:]}", True
    shutil.rmtree(folder, ignore_errors=True)
    return outcome, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--convert", type=int, default=40)
    given = parser.parse_args()
    tally: Counter[str] = Counter()
    conversions: Counter[str] = Counter()
    failures, slowest_s = 0, 0.0
    with tempfile.TemporaryDirectory() as place:
        for seen in looks(Path(place), range(given.first, given.first + given.count)):
            tally["RAISED" if seen.failed else seen.outcome] += 1
            slowest_s = max(slowest_s, seen.seconds)
            wrong = seen.failed
            if wrong:
                print(f"seed {seen.seed}: {seen.what}: {seen.outcome}", flush=True)
            if seen.outcome == "passes" and seen.plan and sum(conversions.values()) < given.convert:
                outcome, wrong = conversion_outcome(seen.plan)
                conversions["WRONG" if wrong else outcome] += 1
                if wrong:
                    print(f"seed {seen.seed}: {seen.what}: converted: {outcome}", flush=True)
            failures += wrong
    for title, counted in (("plans", tally), ("conversions", conversions)):
        print(f"\n{title}")
        for outcome, number in counted.most_common():
            print(f"{number:6} {outcome}")
    print(f"\nslowest look {slowest_s:.2f} s; {failures} failures")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
