"""Record what loads take beside what was foretold: ``python -m tests.benchmarks.estimates MODEL.gguf [FILE.json]``.

The model, and three levels that are made of it, are loaded and asked by the app's own session, with several contexts,
cache types and numbers of threads. What it keeps of that (engine/catalog/observations.py) is printed, and written to
the file: ``tests/cases/recommend/observed_loads.json`` was recorded so, for tests/engine/recommend/test_held_out.py.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.observations import Observations
from engine.machine.probe import probe
from engine.recommend.corrections import Observation
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.end2end.test_footprint_real import chosen

LEVELS = ("Q8_0", "Q4_K_M")
CONTEXTS = (512, 2048, 8192)
CACHE_TYPES = ("f16", "q8_0")
PROMPT = [{"role": "user", "content": "Tell me all about the sea. " * 40}]


def main() -> None:
    os.environ["GOMP_SPINCOUNT"] = "1000"
    model = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HALFBYTE_HOME"] = folder
        machine = probe()
        for checkpoint, options in _settings(model, Path(folder)):
            _run(checkpoint, options)
        found = Observations().corrections().observations
    for row in found:
        print(_line(row))
    if len(sys.argv) > 2:
        about = f"{machine.cpu.model}, {machine.cpu.usable_physical_cores} cores, beside other programs"
        rows = [asdict(row) for row in found]
        source = f"python -m tests.benchmarks.estimates, {about}"
        Path(sys.argv[2]).write_text(_json(source, rows), "utf-8")


def _settings(model: Path, folder: Path) -> Iterator[tuple[Checkpoint, LoadOptions]]:
    chosen(model, folder, ("F16",))
    chosen(folder / "F16.gguf", folder, LEVELS)
    for threads in (1, 2):
        for tokens in CONTEXTS:
            for kind in CACHE_TYPES:
                yield _checkpoint(model), LoadOptions(tokens, 0, threads, cache_type=kind)
        for level in ("F16", *LEVELS):
            yield _checkpoint(folder / f"{level}.gguf"), LoadOptions(2048, 0, threads)


def _checkpoint(path: Path) -> Checkpoint:
    return Checkpoint(path, path.stem, read_facts(path).format_id, path.stat().st_size)


def _run(checkpoint: Checkpoint, options: LoadOptions) -> None:
    with Session(checkpoint, options) as session:
        for _ in session.load():
            pass
        for _ in session.generate(PROMPT, Sampling(temperature=0.7, seed=1, max_tokens=32)):
            pass


def _line(row: Observation) -> str:
    case = row.case
    about = f"{case.format_id:12} {case.context_tokens:6} {case.cache_type:5}"
    return f"{row.quantity:7} {about} {row.predicted:14.2f} {row.measured:14.2f} {row.measured / row.predicted:6.3f}"


def _json(source: str, rows: list[dict[str, object]]) -> str:
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    return f'{{\n "source": {json.dumps(source)},\n "rows": [\n  {lines}\n ]\n}}\n'


if __name__ == "__main__":
    main()
