"""Several readers at once, each with its own time limit. A reader that fails or hangs costs its part and no more."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.errors import EngineError
from engine.machine.facts import Missing
from engine.machine.unavailable import Unavailable

POLL_S = 0.1  # how soon a stop is noticed


@dataclass(frozen=True, slots=True)
class Part:
    """A reader: what it is called, how long it may take, and the function, which may raise anything."""

    name: str
    limit_s: float
    read: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reader found; ``missing`` says why there is nothing."""

    name: str
    value: Any = None
    missing: Missing | None = None


def run(parts: Iterable[Part], stop: threading.Event) -> Iterator[Outcome]:
    """Run all parts in threads; yield each outcome as it comes, and a missing row for each part past its limit.

    Ends early when ``stop`` is set. A thread that hangs is left behind: Python cannot end it, and it ends with the
    program.
    """
    waiting = {part.name: part for part in parts}
    outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    start = time.monotonic()
    for part in waiting.values():
        threading.Thread(target=_run, args=(part, outcomes), daemon=True, name=f"probe {part.name}").start()
    while waiting and not stop.is_set():
        first = min(waiting.values(), key=lambda part: part.limit_s)
        left_s = start + first.limit_s - time.monotonic()
        try:
            outcome = outcomes.get(timeout=min(POLL_S, max(0.0, left_s)))
        except queue.Empty:
            if left_s > POLL_S:
                continue
            outcome = Outcome(first.name, missing=too_slow(first))
        if waiting.pop(outcome.name, None):  # one that was given up may still answer
            yield outcome


def _run(part: Part, outcomes: queue.SimpleQueue[Outcome]) -> None:
    try:
        outcome = Outcome(part.name, part.read())
    except Exception as error:  # a probe never raises: whatever it is becomes a row
        outcome = Outcome(part.name, missing=why(part.name, error))
    outcomes.put(outcome)


def why(name: str, error: Exception) -> Missing:
    """Turn an error into a row."""
    if isinstance(error, EngineError):
        return Missing(name, error.message, error.hint)
    if isinstance(error, Unavailable):
        return Missing(name, error.reason)
    return Missing(
        name,
        f"The {name} could not be read ({type(error).__name__}: {error}).",
        "This is a fault of Halfbyte: copy this line into a bug report.",
    )


def too_slow(part: Part) -> Missing:
    return Missing(
        part.name,
        f"The {part.name} did not answer within {part.limit_s:g} seconds.",
        "Try again; if it happens each time, restart the computer.",
    )
