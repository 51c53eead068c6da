"""See on a machine with two NVIDIA cards that the app computes on the one that its plan counted with.

Not a test of pytest's. ``python3 -m tests.device.two_cards SCRATCH TOKENIZER [PART…]`` writes a Llama-shaped folder of
random weights with the tokenizer of a folder, lets another process fill one card and then the other, and asks NVML on
which card memory was taken. It prints one JSON object a line and a closing count; the exit code is the number of failed
checks. Parts (all): load (BF16 and NF4), measure, nf4 and gptq (made with bitsandbytes and GPTQModel), chosen
(CUDA_VISIBLE_DEVICES set by hand). Beside them, samples: GPTQ is made with 16 and with 128, for the times.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pynvml

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.convert.folders.plan import FolderOptions, folder_plan
from engine.convert.folders.run import FolderConversion
from engine.errors import EngineError, NotEnoughMemory
from engine.formats import Family
from engine.machine.cuda_cards import VISIBLE, bare
from engine.machine.facts import Machine
from engine.machine.probe import probe
from engine.measure.options import MeasureOptions
from engine.measure.run import Measurement
from engine.measure.store import Store
from engine.paths import Folders
from engine.process.host import Worker
from engine.recommend.footprint import footprint
from engine.recommend.pools import pool
from engine.recommend.rules import recommend
from engine.runtime.options import Sampling
from tests.device.cuda_session import Report, run
from tests.device.make_formats import _write_index
from tests.device.torch_folders import Shape, write_folder
from tests.device.torch_session import session_of

SHAPE = Shape(2048, 4, 5632, 32, 8, 49152, tied=True)  # 0.28 billion parameters, 0.6 GB
PARTS = ("load", "measure", "nf4", "gptq", "chosen")
FEW = MeasureOptions(tokens=1024, repeats=2)
QUESTION = [{"role": "user", "content": "Tell me a story about the sea, its ships and its people."}]
SHORT = Sampling(temperature=0, max_tokens=16)
MIB = 1 << 20
STILL = 64 * MIB  # a card on which nothing is computed changes by less
FULL, HALF_FULL = 256 * MIB, 16 << 30  # what another program leaves of a card; CUDA's own part takes 500 MiB

# Takes all but so many bytes of the one card that it sees, until its input ends.
HOARD = """
import sys, torch
free = torch.cuda.mem_get_info()[0]
kept = torch.empty(max(free - int(sys.argv[1]), 1), dtype=torch.uint8, device="cuda")
print("taken", flush=True)
sys.stdin.read()
"""


class Cards:
    """What NVML says of the first two cards."""

    def __init__(self) -> None:
        pynvml.nvmlInit()
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())][:2]

    def __len__(self) -> int:
        return len(self._handles)

    def used_bytes(self) -> list[int]:
        return [int(pynvml.nvmlDeviceGetMemoryInfo(handle).used) for handle in self._handles]

    def free_bytes(self, index: int) -> int:
        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handles[index]).free)

    def uuid(self, index: int) -> str:
        return str(pynvml.nvmlDeviceGetUUID(self._handles[index]))


class Watch:
    """The most that each card took more than before, in bytes, while it is open."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self.before = cards.used_bytes()
        self.taken = [0, 0]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.05):
            self.taken = [max(*pair) for pair in zip(self.taken, grown(self.before, self._cards), strict=True)]


def grown(before: list[int], cards: Cards) -> list[int]:
    return [used - earlier for used, earlier in zip(cards.used_bytes(), before, strict=True)]


class Counting(Report):
    def __init__(self) -> None:
        super().__init__()
        self.passed = 0

    def check(self, what: str, holds: bool, **values: Any) -> None:
        self.passed += holds
        super().check(what, holds, **values)


class Trial:
    """The parts, on one folder of random weights."""

    def __init__(self, report: Counting, cards: Cards, folder: Path) -> None:
        self.report, self.cards, self.folder = report, cards, folder
        self.facts = read_facts(folder)
        place = Path(tempfile.mkdtemp(dir=folder.parent))
        self.store = Store(Folders(*(place / name for name in ("config", "data", "cache", "logs"))))

    @contextmanager
    def filled(self, index: int, left_bytes: int) -> Iterator[None]:
        """Let another process leave so much of a card."""
        alone = {**os.environ, VISIBLE: self.cards.uuid(index)}
        command = [sys.executable, "-c", HOARD, str(left_bytes)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=alone) as process:
            assert process.stdout is not None and process.stdin is not None
            told = process.stdout.readline()
            self.report.check("another program fills a card", told == b"taken\n", card=index,
                              free=[self.cards.free_bytes(each) for each in (0, 1)])  # fmt: skip
            try:
                yield
            finally:
                process.stdin.close()
                process.wait()

    def suggestion(self, index: int) -> None:
        """See that the suggestion counts with the card ``index``."""
        machine = probe(measure_bandwidth=False)
        self.report.check("two cards are told apart", len({gpu.label for gpu in machine.gpus}) >= 2,
                          cards=[gpu.label for gpu in machine.gpus])  # fmt: skip
        for format_id in ("plain-bf16", "bnb-nf4"):
            fit = next(fit for fit in recommend(self.facts, machine) if fit.format.id == format_id)
            free_bytes = self.cards.free_bytes(index)
            near = abs(fit.free_bytes - free_bytes) < 2 << 30  # a margin is left
            self.report.check("the suggestion counts with the free card", near and _card(machine) == index,
                              format=format_id, counted=fit.free_bytes, nvml=free_bytes, fits=fit.fits)  # fmt: skip

    def loads(self, index: int, weights_as: str = "", why: str = "it is the freer one") -> None:
        """Load, chat, and see that the card ``index`` took the memory that was foretold, and the other none."""
        format_id = weights_as or self.facts.format_id
        session = session_of(self.folder, format_id, context_tokens=4096, weights_as=weights_as)
        with Watch(self.cards) as watch, session:
            record = run(session.load())
            usage = run(session.generate(QUESTION, SHORT))
            settled = grown(watch.before, self.cards)
        told = {"card": index, "format": format_id, "why": why, "taken": watch.taken, "device": record.get("device")}
        self.on_card(f"{format_id} is loaded on card {index}", watch, index, record["weights_bytes"], **told)
        expected = footprint(self.facts, format_id, 4096).total_bytes
        ratio = round(expected / max(settled[index], 1), 3)
        self.report.check("memory as foretold", abs(ratio - 1) < 0.1, ratio=ratio, expected=expected, **told)
        self.report.check("the card is named", record["device"].endswith(f"(GPU {index})"), **told)
        self.report.check("it answers", usage.get("answer_tokens", 0) > 0, tokens_s=usage.get("decode_tokens_s"))

    def measures(self, index: int) -> None:
        """Measure, and see that the report tells the memory of the card ``index``, others' programs left out."""
        job = Measurement(Checkpoint(self.folder, self.folder.name, "plain-bf16", 0), options=FEW, store=self.store)
        with Watch(self.cards) as watch:
            report = run(job)
        told = {"taken": watch.taken, "memory": report.memory, "device": report.device}
        self.on_card(f"it is measured on card {index}", watch, index, 0, **told)
        own_bytes = report.memory.gpu_bytes or 0 if report.memory else 0
        self.report.check("the report tells its memory", 0.8 < own_bytes / max(watch.taken[index], 1) < 1.05, **told)
        self.report.check("the report names the card", report.device.endswith(f"(GPU {index})"), **told)

    def makes(self, index: int, recipe_id: str, samples: int = 0) -> None:
        """Make a folder, and see that all steps computed on the card that the plan names."""
        target = self.folder.with_name(f"{self.folder.name}-{recipe_id}")
        shutil.rmtree(target, ignore_errors=True)
        plan = folder_plan(self.folder, recipe_id, target, options=FolderOptions(samples=samples))
        card = plan.card
        self.report.check("the plan has no obstacle", not plan.problems, obstacles=plan.obstacles, recipe=recipe_id)
        self.report.check("the plan names the card", card is not None and card.number == index, notes=plan.notes)
        if plan.problems:
            return
        with Watch(self.cards) as watch:
            started_s = time.monotonic()
            run(FolderConversion(plan))
            seconds = round(time.monotonic() - started_s, 1)
        record = records.read(target) or {}
        needed = plan.needs.gpu_bytes if plan.needs else 0
        told = {"recipe": recipe_id, "card": record.get("card"), "taken": watch.taken, "seconds": seconds,
                "foretold": needed, "peak_gpu_bytes": record.get("peak_gpu_bytes"),
                "steps": record.get("seconds"), "agreement": record.get("agreement")}  # fmt: skip
        self.on_card(f"{recipe_id} is made on card {index}", watch, index, 0, **told)
        self.report.check("no more than foretold is taken", watch.taken[index] < 1.3 * needed, **told)
        self.report.check("the record names the card", str(record.get("card")).endswith(f"(GPU {index})"), **told)
        shutil.rmtree(target, ignore_errors=True)

    def on_card(self, what: str, watch: Watch, index: int, least_bytes: int, **told: Any) -> None:
        other = watch.taken[1 - index]
        self.report.check(what, watch.taken[index] > max(least_bytes, 300 * MIB) and other < STILL, **told)

    def cuda_tells(self, uuid: str) -> None:
        """Ask CUDA itself, which is asked for cards of different kinds alone."""
        worker, listed, problem = Worker("engine.machine.worker"), [], ""
        try:
            listed = worker.ask("list_cuda", limit_s=30).finish()
        except EngineError as error:
            problem = f"{error.message} {worker.log}"
        worker.close()
        self.report.check("CUDA itself tells the card", listed == [bare(uuid)], listed=listed, problem=problem)

    def too_full(self, index: int) -> None:
        """See that a load on a card without room is refused, by the name of that card, and gives the memory back."""
        before = self.cards.used_bytes()
        problem: EngineError | None = None
        try:
            with session_of(self.folder, "plain-bf16", context_tokens=4096) as session:
                run(session.load())
        except EngineError as error:
            problem = error
        told = problem.as_record() if problem else {}
        named = isinstance(problem, NotEnoughMemory) and f"(GPU {index})" in problem.message
        self.report.check("a card that is too full is named", named, **told)
        time.sleep(1)
        left = grown(before, self.cards)
        self.report.check("its memory comes back", max(left) < STILL, left=left)


@contextmanager
def variable(value: str) -> Iterator[None]:
    os.environ[VISIBLE] = value
    try:
        yield
    finally:
        del os.environ[VISIBLE]


def _card(machine: Machine) -> int | None:
    (card,) = pool(machine, Family.PLAIN).gpus or (None,)
    return card.number if card else None


def main() -> int:
    asked = _arguments()
    os.environ.pop(VISIBLE, None)
    report, cards = Counting(), Cards()
    started_s = time.monotonic()
    report.check("there are two cards", len(cards) == 2)
    if len(cards) == 2:
        folder = (asked.scratch / "Random-0.3B").absolute()
        if not folder.exists():
            write_folder(folder, SHAPE, "plain", asked.tokenizer)
            _write_index(folder)
        first_full(Trial(report, cards, folder), asked.parts)
        second_full(Trial(report, cards, folder), asked.parts)
    print(f"{report.passed} OK, {report.failed} FAILED in {time.monotonic() - started_s:.0f} s")
    return report.failed


def first_full(trial: Trial, parts: list[str]) -> None:
    with trial.filled(0, FULL):
        trial.suggestion(1)
        if "load" in parts:
            trial.loads(1)
            trial.loads(1, "bnb-nf4")
        if "nf4" in parts:
            trial.makes(1, "bnb-nf4")
        if "chosen" in parts:
            with variable("0"):
                trial.too_full(0)


def second_full(trial: Trial, parts: list[str]) -> None:
    with trial.filled(1, HALF_FULL):
        trial.suggestion(0)
        if "load" in parts:
            trial.loads(0)
        if "measure" in parts:
            trial.measures(0)
        if "gptq" in parts:
            trial.makes(0, "gptq-int4-g128", samples=32)
        for count in (16, 128) if "samples" in parts else ():
            trial.makes(0, "gptq-int4-g128", samples=count)
        if "chosen" in parts:
            by_hand(trial)


def by_hand(trial: Trial) -> None:
    """Hide cards as a person would: by number, by UUID, all of them."""
    cards = trial.cards
    with variable("1"):
        trial.cuda_tells(cards.uuid(1))
        hidden = [gpu.label for gpu in probe(measure_bandwidth=False).gpus if gpu.hidden]
        trial.report.check("the other card is known to be hidden", len(hidden) == 1 and "(GPU 0)" in hidden[0])
        trial.loads(1, why="chosen by its number")
    with variable(cards.uuid(1)):
        trial.suggestion(1)
    with variable("1,0"):
        trial.suggestion(0)
    with variable(""):
        machine = probe(measure_bandwidth=False)
        trial.report.check("no card is counted with where all are hidden", _card(machine) is None)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, "samples", []], default=list(PARTS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
