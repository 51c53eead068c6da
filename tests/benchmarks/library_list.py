"""How long a library of 500 models takes to list: with no headers known, with all of them known, and a scan.

``python -m tests.benchmarks.library_list`` prints medians of three runs, in milliseconds. The models are tiny files
with a vocabulary of real length, so that reading their headers costs what it costs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine.catalog.library import Library
from engine.catalog.scan.job import Scan
from engine.catalog.summaries import Summaries
from tests.helpers.headers import gguf, llama

MODELS, TOKENS, RUNS = 500, 32_000, 3


def main() -> None:
    with tempfile.TemporaryDirectory() as root:
        folder, cache = Path(root) / "models", Path(root) / "headers.json"
        words = [f"token{number}" for number in range(TOKENS)]
        model = gguf(llama(**{"tokenizer.ggml.tokens": words}), [("token_embd.weight", (64, 4), 1, 0)], data=bytes(512))
        for number in range(MODELS):
            file = folder / f"publisher{number % 20}" / f"model{number}-GGUF" / f"model{number}.gguf"
            file.parent.mkdir(parents=True)
            file.write_bytes(model)

        def cold() -> None:
            cache.unlink(missing_ok=True)
            assert len(Library(folder, Summaries(cache)).entries()) == MODELS

        def warm() -> None:
            assert len(Library(folder, Summaries(cache)).entries()) == MODELS

        def scan() -> None:
            *_, last = Scan((folder,), summaries=Summaries(cache), apps=())
            assert len(last.value) == MODELS  # type: ignore[attr-defined]

        for name, run in (("no headers known", cold), ("headers known", warm), ("scan, headers known", scan)):
            print(f"{name:22} {1000 * median(run):8.0f} ms")


def median(run: Callable[[], None]) -> float:
    times = []
    for _ in range(RUNS):
        start_s = time.perf_counter()
        run()
        times.append(time.perf_counter() - start_s)
    return statistics.median(times)


if __name__ == "__main__":
    main()
