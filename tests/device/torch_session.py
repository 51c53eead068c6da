"""Run the app's own session with the transformers back end on an NVIDIA GPU: memory, speed, and a full GPU.

Not a test of pytest's. ``python3 -m tests.device.torch_session SCRATCH TOKENIZER 1B|8B FORM…`` writes Llama-shaped
folders of random weights and prints one JSON object a line; the exit code is the number of failed checks. Forms:
plain, plain:bnb-nf4, plain:bnb-int8, awq, gptq, gptq-act; oom fills the card and loads, oom-answering fills it later.
"""

from __future__ import annotations

import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.errors import EngineError, NotEnoughMemory
from engine.events import Token
from engine.recommend.footprint import footprint
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.device.cuda_session import Gpu, Report, run
from tests.device.torch_folders import ABOUT_1B, ABOUT_8B, write_folder

SHAPES = {"1B": ABOUT_1B, "8B": ABOUT_8B}
QUESTION = [{"role": "user", "content": "Tell me a long story about the sea, its ships and its people. " * 60}]
GREEDY = Sampling(temperature=0, max_tokens=256)
SHORT = Sampling(temperature=0, max_tokens=16)
DRAWN = Sampling(max_tokens=256, seed=1)
CONTEXTS = (1024, 4096, 16384)
BANDWIDTH = 4.3e12  # bytes a second that a copy moved on this card


def main() -> int:
    report, gpu = Report(), Gpu()
    scratch, tokenizer, size, *forms = (Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    for form in forms:
        if form == "oom":
            out_of_memory(report, gpu, scratch / f"{size}-plain")
            continue
        if form == "oom-answering":
            out_of_memory_while_answering(report, gpu, scratch / f"{size}-plain")
            continue
        stored, _, weights_as = form.partition(":")
        folder = scratch / f"{size}-{stored}"
        if not folder.exists():
            for old in scratch.glob(f"{size}-*"):
                shutil.rmtree(old)
            started_s = time.monotonic()
            write_folder(folder, SHAPES[str(size)], stored, tokenizer, "cuda")
            _forget()
            report.line("written", form=form, seconds=round(time.monotonic() - started_s, 1))
        measure(report, gpu, folder, weights_as, f"{size} {form}")
    return report.failed


def measure(report: Report, gpu: Gpu, folder: Path, weights_as: str, name: str) -> None:
    facts = read_facts(folder)
    format_id = weights_as or facts.format_id
    for context_tokens in CONTEXTS:
        before = gpu.used_bytes
        with session_of(folder, format_id, context_tokens=context_tokens, weights_as=weights_as) as session:
            record = run(session.load())
            idle_bytes = gpu.used_bytes - before
            usages = [run(session.generate(asked_of(context_tokens), sampling)) for sampling in (GREEDY, DRAWN)]
            usages += follow_ups(session, asked_of(context_tokens // 2))
            taken = gpu.used_bytes - before
        expected = footprint(facts, format_id, context_tokens)
        report.line(
            "run", name=name, context=context_tokens, idle_bytes=idle_bytes, taken_bytes=taken, record=record,
            expected=asdict(expected), limit_tokens_s=round(BANDWIDTH / read_bytes(facts, record), 1), usages=usages,
        )  # fmt: skip
        report.check("memory as predicted", abs(expected.total_bytes / taken - 1) < 0.05, name=name,
                     ratio=round(expected.total_bytes / taken, 3), context=context_tokens)  # fmt: skip
        report.check("memory comes back", gpu.settles_at(before))


def follow_ups(session: Session, messages: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Ask on, shortly and with more words: what is new of a prompt is little."""
    usages = []
    for more in ("Go on.", "And then? " * 30):
        answer = "".join(event.text for event in session.generate(messages, SHORT) if isinstance(event, Token))
        messages = [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": more}]
        usages.append(run(session.generate(messages, SHORT)))
    return usages


def asked_of(context_tokens: int) -> list[dict[str, str]]:
    """Return a question that fills most of the context, so that memory shows."""
    words = QUESTION[0]["content"]
    return [{"role": "user", "content": (words * 40)[: max(1, (context_tokens - 400)) * 4]}]


def read_bytes(facts: Any, record: dict[str, Any]) -> int:
    """Return what one token reads: all weights but the embedding, unless that is the output too."""
    tied = all(tensor.name != "output.weight" for tensor in facts.tensors)
    embedding = sum(tensor.bytes for tensor in facts.tensors if tensor.name == "token_embd.weight")
    return record["weights_bytes"] - (0 if tied else embedding)


def session_of(folder: Path, format_id: str, **options: Any) -> Session:
    return Session(Checkpoint(folder, folder.name, format_id, 0), LoadOptions(**options))


def _forget() -> None:
    import torch  # pyright: ignore[reportMissingImports]

    torch.cuda.empty_cache()


def out_of_memory(report: Report, gpu: Gpu, folder: Path) -> None:
    """Fill the card and load: too little for the weights, then for the cache."""
    import torch  # pyright: ignore[reportMissingImports]

    before = gpu.used_bytes
    free_bytes, _ = torch.cuda.mem_get_info()
    for room_bytes in (1 << 30, 4 << 30):
        hoard = torch.empty(free_bytes - room_bytes, dtype=torch.uint8, device="cuda")
        session = session_of(folder, "plain-bf16", context_tokens=32768)
        try:
            run(session.load())
            report.check("too much for the GPU is refused", False, room=room_bytes)
        except EngineError as error:
            report.check("too much is NotEnoughMemory", isinstance(error, NotEnoughMemory), **error.as_record())
        session.close()
        del hoard
        torch.cuda.empty_cache()
    report.check("the GPU's memory comes back", gpu.settles_at(before + (1 << 29)))


def out_of_memory_while_answering(report: Report, gpu: Gpu, folder: Path) -> None:
    """Fill the card when the model is loaded: before a long prompt, and between two tokens of an answer."""
    import torch  # pyright: ignore[reportMissingImports]

    torch.cuda.init()
    before = gpu.used_bytes
    with session_of(folder, "plain-bf16", context_tokens=16384) as session:
        run(session.load())
        for moment in ("prompt", "answer"):
            hoard = _hoarded() if moment == "prompt" else None
            problem = ""
            try:
                for event in session.generate(asked_of(16384 if moment == "prompt" else 1024), GREEDY):
                    if hoard is None and isinstance(event, Token):
                        hoard = _hoarded()
            except EngineError as error:
                problem = error.kind
                report.line("full GPU", moment=moment, **error.as_record())
            report.check(f"a full GPU at the {moment}", problem in ("", "NotEnoughMemory"), problem=problem)
            del hoard
            torch.cuda.empty_cache()
            usage = run(session.generate(asked_of(1024), GREEDY))
            report.check("answers again", usage is not None, usage=usage)
    report.check("the GPU's memory comes back", gpu.settles_at(before + (1 << 29)))


def _hoarded() -> Any:
    import torch  # pyright: ignore[reportMissingImports]

    free_bytes, _ = torch.cuda.mem_get_info()
    return torch.empty(free_bytes - (8 << 20), dtype=torch.uint8, device="cuda")


if __name__ == "__main__":
    sys.exit(main())
