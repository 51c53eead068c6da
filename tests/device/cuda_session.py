"""Run the app's own session on an NVIDIA GPU: offload, memory, speed, and what happens when the GPU is full.

Not a test of pytest's. ``python3 -m tests.device.cuda_session MODEL.gguf`` needs a llama-cpp-python that was built with
CUDA, and prints one JSON object a line; the exit code is the number of failed checks.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pynvml

from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.errors import EngineError, NotEnoughMemory
from engine.events import Finished, Token
from engine.recommend.context import Context
from engine.recommend.footprint import gguf_placed
from engine.recommend.runtime_cost import CUDA_BYTES
from engine.recommend.sizes import sizes_of
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session

QUESTION = [{"role": "user", "content": "Tell me a long story about the sea, its ships and its people. " * 20}]
FOLLOW_UP = [*QUESTION, {"role": "assistant", "content": "Once"}, {"role": "user", "content": "Go on."}]
GREEDY = Sampling(temperature=0, max_tokens=200)


class Gpu:
    """What NVML says of the first card."""

    def __init__(self) -> None:
        pynvml.nvmlInit()
        self._handle = pynvml.nvmlDeviceGetHandleByIndex(0)

    @property
    def used_bytes(self) -> int:
        return int(pynvml.nvmlDeviceGetMemoryInfo(self._handle).used)

    def settles_at(self, used_bytes: int, within_s: float = 5) -> bool:
        """Wait until no more than that (and 64 MiB) is used: a driver gives memory back a little later."""
        deadline = time.monotonic() + within_s
        while self.used_bytes > used_bytes + (64 << 20):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


class Report:
    def __init__(self) -> None:
        self.failed = 0

    def line(self, what: str, **values: Any) -> None:
        print(json.dumps({"what": what, **values}, default=str), flush=True)

    def check(self, what: str, holds: bool, **values: Any) -> None:
        self.failed += not holds
        self.line(("ok: " if holds else "FAILED: ") + what, **values)


def main() -> int:
    report, gpu = Report(), Gpu()
    model = Path(sys.argv[1])
    for context_tokens in (512, 4096, 8192):
        memory_at(report, gpu, model, context_tokens)
    for layers in (-1, 0):
        speed_with(report, gpu, model, layers)
    full_gpu(report, gpu, model)
    return report.failed


def session_of(model: Path, **options: Any) -> Session:
    return Session(Library(model.parent).entry_at(model), LoadOptions(**options))


def memory_at(report: Report, gpu: Gpu, model: Path, context_tokens: int) -> None:
    """Compare what llama.cpp says it allocated with what NVML sees."""
    before = gpu.used_bytes
    with session_of(model, context_tokens=context_tokens) as session:
        session_record = run(session.load())
        run(session.generate(QUESTION, GREEDY))  # cuBLAS comes with the first prompt
        taken = gpu.used_bytes - before
    facts = read_facts(model)
    expected = gguf_placed(sizes_of(facts, facts.format_id), Context(context_tokens), facts.layers + 1).gpu
    expected_bytes = expected.total_bytes + CUDA_BYTES
    report.line("memory", nvml_bytes=taken, expected_bytes=expected_bytes, expected=asdict(expected), **session_record)
    report.check("the estimate is within 5 %", abs(expected_bytes / taken - 1) < 0.05, ratio=expected_bytes / taken)
    report.check("all layers are on the GPU", session_record["gpu_layers"] == session_record["layers"] + 1)
    report.check("the GPU's memory comes back", gpu.settles_at(before))


def speed_with(report: Report, gpu: Gpu, model: Path, layers: int) -> None:
    with session_of(model, gpu_layers=layers) as session:
        run(session.load())
        usages = [run(session.generate(asked, GREEDY)) for asked in (QUESTION, FOLLOW_UP)]
    report.line("speed", gpu_layers=layers, usages=usages)
    report.check("a follow-up reuses the cache", usages[1]["reused_tokens"] > 0.9 * usages[0]["prompt_tokens"])


def full_gpu(report: Report, gpu: Gpu, model: Path) -> None:
    """Fill the card, load into what is left, and free it again."""
    import torch

    before = gpu.used_bytes
    free_bytes, _ = torch.cuda.mem_get_info()
    room_bytes = 1536 << 20
    hoard = torch.empty(free_bytes - room_bytes, dtype=torch.uint8, device="cuda")
    with session_of(model, context_tokens=8192) as session:
        record = run(session.load())
        report.check(
            "what fits goes to the GPU, the rest stays", 0 <= record["gpu_layers"] <= record["layers"], **record
        )
        report.line("split speed", **run(session.generate(QUESTION, GREEDY)))
    hoard_more = torch.empty(room_bytes - (700 << 20), dtype=torch.uint8, device="cuda")
    session = session_of(model, context_tokens=8192, gpu_layers=999)
    try:
        run(session.load())
        report.check("too much for the GPU is refused", False)
    except EngineError as error:
        report.check("too much for the GPU is NotEnoughMemory", isinstance(error, NotEnoughMemory), **error.as_record())
    del hoard, hoard_more
    torch.cuda.empty_cache()
    report.line("the next load works", **run(session.load()))
    session.close()
    report.check("the GPU's memory comes back", gpu.settles_at(before + (1 << 30)), machine=asdict(GREEDY))


def run(job: Any) -> dict[str, Any]:
    value: dict[str, Any] = {}
    tokens = 0
    for event in job:
        tokens += isinstance(event, Token)
        if isinstance(event, Finished):
            value = event.value
    return value


if __name__ == "__main__":
    sys.exit(main())
