"""What a large vocabulary costs a measurement: peak memory of the worker, and the reference's size on the disk.

``python -m tests.benchmarks.large_vocabulary SMALL LARGE [--perplexity PROGRAM] [--tokens 4096]`` with two GGUF files
of the same shape and different vocabularies (49,152 and 262,145 tokens). PROGRAM is llama.cpp's ``llama-perplexity``,
whose file of reference logits (``--kl-divergence-base``) is put beside ours. Windows of 512 tokens in both.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import psutil

from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.events import Finished
from engine.measure.options import MeasureOptions
from engine.measure.run import Measurement
from engine.measure.store import Store
from engine.paths import Folders
from engine.quantities import size
from engine.texts import named

WINDOW = 512


class Watch:
    """Follows a worker's resident memory."""

    def __init__(self, job: Measurement) -> None:
        self.peak_bytes = 0
        self._job = job
        self._over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(0.02):
            try:
                if pid := self._job.worker_pid:
                    self.peak_bytes = max(self.peak_bytes, psutil.Process(pid).memory_info().rss)
            except psutil.Error:
                pass

    def end(self) -> None:
        self._over.set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs=2, type=Path)
    parser.add_argument("--perplexity", type=Path)
    parser.add_argument("--tokens", type=int, default=4096)
    given = parser.parse_args()
    for file in given.files:
        with tempfile.TemporaryDirectory() as made:
            place = Path(made)
            store = Store(Folders(place, place, place, place))
            text = named("prose")
            options = MeasureOptions(tokens=given.tokens, window_tokens=WINDOW, repeats=0, threads=1)
            model = Library(file.parent).entry_at(file)
            job = Measurement(model, model, options, (text,), store)
            watch, start_s = Watch(job), time.monotonic()
            report = list(job)[-1]
            watch.end()
            assert isinstance(report, Finished)
            (reference,) = place.rglob("*.ref")
            vocabulary = read_facts(file).vocabulary
            places = report.value.quality.scored_tokens
            ours_bytes = reference.stat().st_size
            words = f"{vocabulary:,} tokens: peak {size(watch.peak_bytes)} (the file {size(file.stat().st_size)}), "
            words += f"{time.monotonic() - start_s:.0f} s, reference {size(ours_bytes)} for {places:,} places"
            if given.perplexity:
                theirs = place / "base.kld"
                chunks = str(given.tokens // WINDOW)
                command = [
                    given.perplexity,
                    "-m",
                    file,
                    "-f",
                    text.path,
                    "-c",
                    str(WINDOW),
                    "-t",
                    "1",
                    "--chunks",
                    chunks,
                ]
                subprocess.run(
                    [*map(str, command), "--kl-divergence-base", str(theirs)], check=True, capture_output=True
                )
                words += f"; llama-perplexity's file {size(theirs.stat().st_size)}"
            print(words, flush=True)


if __name__ == "__main__":
    main()
