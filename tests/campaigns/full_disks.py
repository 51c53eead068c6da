"""Fills a small disk at random moments of a conversion, a download and a measurement, and makes room again.

``python -m tests.campaigns.full_disks [--trials 25] [--seed 1] [KIND…]`` as root on Linux: each trial mounts a small
disk (tmpfs). Each must end by itself, with the same bytes as on a roomy disk, and say so where it met the full one.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from engine.catalog.download.plan import plan_download
from engine.catalog.find import looking_up
from engine.catalog.hub.client import Hub
from engine.catalog.library import Library
from engine.catalog.records import sha256
from engine.convert.extras import Wanted
from engine.convert.from_hub import FromHub
from engine.convert.plan import Options, plan
from engine.convert.run import Conversions
from engine.events import Event, Finished, Notice
from engine.measure.options import MeasureOptions
from engine.measure.run import Measurement
from engine.measure.store import Store
from engine.paths import Folders
from tests.helpers.hub_server import serving
from tests.helpers.tiny_models import write_tiny_model

DISK_BYTES = 96 << 20
FULL_S = 1.5  # how long it stays full after it was told
PATIENCE_S = 20.0  # a disk that nobody wrote to while it was full
WORDS = "The river rose in the night, and by morning the road to the mill was gone. Nobody had heard it go. " * 40
Job = Callable[[Path], Iterable[Event]]
Digest = Callable[[Path], Any]


def convert(options: Options) -> Job:
    def job(disk: Path) -> Iterable[Event]:
        source, library = disk.parent / "source", Library(disk)
        plans = [
            plan(source, each, disk / "made" / f"{each}.gguf", library, options)
            for each in ("gguf-q8_0", "gguf-q4_k_m")
        ]
        return Conversions(plans if not options.computes_importance else plans[1:])

    return job


def fetch(url: str) -> Job:
    def job(disk: Path) -> Iterable[Event]:
        hub, library = Hub(url), Library(disk)
        found = list(looking_up(hub, "someone/tiny"))[-1].value  # type: ignore[union-attr]
        (variant,) = found.variants.all
        return FromHub(plan_download(found.model, variant.files, endpoint=hub.endpoint), ["gguf-q8_0"], hub, library)

    return job


def measure(disk: Path) -> Iterable[Event]:
    library = Library(disk.parent / "library")
    by_format = {entry.format_id: entry for entry in library.entries()}
    options = MeasureOptions(tokens=4096, window_tokens=256, repeats=0, threads=1)
    store = Store(Folders(disk, disk, disk, disk))
    return Measurement(by_format["gguf-q4_k_m"], by_format["gguf-bf16"], options, store=store)


def models(disk: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in disk.rglob("*.gguf")}


def references(disk: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in disk.rglob("*.ref")}


class Filler:
    """Takes all the room of a disk at a moment, until somebody met it and a while has passed."""

    def __init__(self, disk: Path, delay_s: float) -> None:
        self.told = threading.Event()
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(disk / "filling", delay_s), daemon=True)
        self._thread.start()

    def _run(self, file: Path, delay_s: float) -> None:
        if self.over.wait(delay_s):
            return
        with file.open("wb", buffering=0) as opened:
            until_s = time.monotonic() + PATIENCE_S
            while not self.over.is_set() and time.monotonic() < until_s and not self.told.is_set():
                with contextlib.suppress(OSError):
                    while opened.write(bytes(1 << 14)):
                        pass
                time.sleep(0.02)
            self.over.wait(FULL_S)
        file.unlink()

    def end(self) -> None:
        self.over.set()
        self._thread.join()


def trial(job: Job, digest: Digest, disk: Path, delay_s: float, expected: Any) -> str:
    filler, told = Filler(disk, delay_s), []
    try:
        for event in job(disk):
            if isinstance(event, Notice) and "is full" in event.text:
                told.append(event.text)
                filler.told.set()
            last = event
    finally:
        filler.end()
    assert isinstance(last, Finished)
    assert digest(disk) == expected, "the result is another"
    left = [path for path in disk.rglob("*") if path.suffix in (".part", ".incomplete")]
    assert not left, left
    return "waited and went on" if told else "did not meet it"


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*")
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as made, serving(connection_bytes_s=3_000_000) as server:
        place = Path(made)
        source = write_tiny_model("llama-hf", place / "source")
        words = place / "words.txt"
        words.write_text(WORDS)
        server.publish("someone/tiny", {file.name: file for file in write_tiny_model("llama", place / "hub").iterdir()})
        library = Library(place / "library")
        makes = [plan(source, each, library.folder / f"{each}.gguf", library) for each in ("gguf-bf16", "gguf-q4_k_m")]
        assert isinstance(list(Conversions(makes))[-1], Finished)
        plain = Options(wanted=Wanted(comparison=True))
        learnt = Options(computes_importance=True, calibration=(words,), wanted=Wanted(comparison=True, gain=True))
        kinds: dict[str, tuple[Job, Digest]] = {
            "convert": (convert(plain), models),
            "importance": (convert(learnt), models),
            "hub": (fetch(server.url), models),
            "measure": (measure, references),
        }
        for kind in given.kinds or kinds:
            job, digest = kinds[kind]
            with small_disk(place / "disk") as disk:
                start_s = time.monotonic()
                assert isinstance(list(job(disk))[-1], Finished)
                usual_s, expected = time.monotonic() - start_s, digest(disk)
            assert expected
            seen = Counter[str]()
            for _ in range(given.trials):
                with small_disk(place / "disk") as disk:
                    seen[trial(job, digest, disk, chance.uniform(0, usual_s), expected)] += 1
            print(f"{kind}: {dict(seen)}", flush=True)


if __name__ == "__main__":
    main()
