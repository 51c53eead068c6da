"""The app's streamed decode speed beside llama-cpp-python alone and llama.cpp's own llama-bench.

``python -m tests.benchmarks.decode_speed MODEL [--bench PATH/llama-bench] [--threads N] [--rounds N]``

The same file, threads, Flash Attention and KV cache type for all, greedy, the same number of tokens after the same
prompt. Rounds alternate, so that what else the machine does meets all of them; medians are told, and the median of each
round's ratio. ``app`` is what arrives at the app's side of the worker's pipe; ``app, inside`` what the worker measures.
llama-bench computes tokens and neither samples them nor turns them into text.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint
from engine.events import Finished, PromptRead, Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session

QUESTION = [{"role": "user", "content": "Write a long story about a ship and its crew."}]
CONTEXT_TOKENS = 4096

Rates = dict[str, float]


def app(session: Session, tokens: int) -> tuple[Rates, int]:
    """Return the rates of one answer, and the length of its prompt."""
    times, prompt_tokens, usage = [], 0, {}
    for event in session.generate(QUESTION, Sampling(temperature=0.0, max_tokens=tokens)):
        if isinstance(event, Token):
            times += [time.perf_counter()] * len(event.ids)
        elif isinstance(event, PromptRead):
            prompt_tokens = event.prompt_tokens
        elif isinstance(event, Finished):
            usage = event.value
    assert len(times) == tokens, f"the answer has {len(times)} tokens and not {tokens}"
    streamed = (tokens - 1) / (times[-1] - times[0])
    return {"app": streamed, "app, inside": usage["decode_tokens_s"]}, prompt_tokens


def bare(process: subprocess.Popen[str], tokens: int) -> Rates:
    """Return the rate of llama-cpp-python alone."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(json.dumps({"messages": QUESTION, "max_tokens": tokens}) + "\n")
    process.stdin.flush()
    return {"llama-cpp-python": json.loads(process.stdout.readline())["tokens_per_s"]}


def bench(program: Path, model: Path, threads: int, tokens: int, depth: int) -> Rates:
    """Return llama-bench's rate after ``depth`` tokens."""
    settings = {
        "-m": model,
        "-t": threads,
        "-p": 0,
        "-n": tokens,
        "-d": depth,
        "-fa": 1,
        "-r": 1,
        "-ngl": 0,
        "-o": "json",
    }
    command = [str(program), *(str(part) for pair in settings.items() for part in pair)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {"llama-bench": json.loads(output)[0]["avg_ts"]}


def rounds(count: int, sources: list[Callable[[], Rates]]) -> list[Rates]:
    """Ask each source in each round; the order turns, so that none always follows the same one."""
    measured = []
    for number in range(count):
        turn = number % len(sources)
        rates: Rates = {}
        for source in sources[turn:] + sources[:turn]:
            rates |= source()
        measured.append(rates)
        print("  ".join(f"{name} {rate:.1f}" for name, rate in sorted(rates.items())), file=sys.stderr)
    return measured


def summary(measured: list[Rates]) -> dict[str, Any]:
    names = sorted(measured[0])
    return {
        "tokens_per_s": {name: round(statistics.median(rates[name] for rates in measured), 2) for name in names},
        "app_over": {
            name: round(statistics.median(rates["app"] / rates[name] for rates in measured), 4)
            for name in names
            if not name.startswith("app")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--bench", type=Path, help="llama-bench: see llama_tools.py")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    os.environ |= {"GOMP_SPINCOUNT": "1000", "HALFBYTE_TEST_THREADS": str(options.threads)}
    with ExitStack() as stack:
        checkpoint = Checkpoint(options.model, options.model.name, "gguf-q4_1", options.model.stat().st_size)
        session = stack.enter_context(Session(checkpoint, LoadOptions(CONTEXT_TOKENS, 0, options.threads)))
        command = [sys.executable, "-m", "tests.helpers.bare_llama", str(options.model)]
        process = stack.enter_context(
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        )
        stack.callback(process.kill)
        _, depth = app(session, options.tokens)  # both are warm after this
        bare(process, options.tokens)
        sources: list[Callable[[], Rates]] = [
            lambda: app(session, options.tokens)[0],
            lambda: bare(process, options.tokens),
        ]
        if options.bench:
            sources.append(lambda: bench(options.bench, options.model, options.threads, options.tokens, depth))
        print(json.dumps(summary(rounds(options.rounds, sources)), indent=1))


if __name__ == "__main__":
    main()
