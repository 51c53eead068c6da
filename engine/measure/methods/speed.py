"""Time a loaded model, again and again."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from engine.errors import Cancelled
from engine.events import Event, Finished
from engine.measure.methods.base import Runner
from engine.measure.options import MeasureOptions
from engine.measure.report import Spread
from engine.pace import Pace

_LEAST_REPEATS = 2
_FIRST_TOKEN_TOKENS = 128  # of the prompt: a question, not a document


def timings(runner: Runner, options: MeasureOptions, stop: threading.Event) -> Iterator[Event]:
    """Yield progress, and last ``Finished`` with the spreads by the names of :class:`engine.measure.report.Speed`."""
    steps: dict[str, tuple[Callable[[int], float], int]] = {
        "prompt_tokens_s": (runner.prompt, options.prompt_tokens),
        "decode_tokens_s": (runner.decode, options.answer_tokens),
        "first_token_s": (runner.first_token, min(options.prompt_tokens, _FIRST_TOKEN_TOKENS)),
    }
    pace, done, found = Pace("Timing", len(steps) * options.repeats, "steps"), 0, {}
    for name, (timed, tokens) in steps.items():
        seconds: list[float] = []
        started_s = time.monotonic()
        while len(seconds) < options.repeats and not _spent(seconds, started_s, options.budget_s / len(steps)):
            seconds.append(timed(tokens))
            if stop.is_set():
                raise Cancelled("The measurement")
            done += 1
            yield pace.at(done)
        found[name] = spread(seconds if name == "first_token_s" else [tokens / each for each in seconds])
    yield Finished(found)


def _spent(seconds: Sequence[float], started_s: float, budget_s: float) -> bool:
    return len(seconds) >= _LEAST_REPEATS and time.monotonic() - started_s > budget_s


def spread(values: Sequence[float]) -> Any:
    """Return values as a record of :class:`Spread`."""
    return Spread(statistics.median(values), min(values), max(values), len(values))
