"""The frozen values that a running job yields.

A job is anything that can be iterated over for events and cancelled from another thread. Its last event is a
:class:`Finished`; if it fails it raises an :class:`engine.errors.EngineError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a step is. ``rate`` is in units a second; ``None`` where a number is not known yet."""

    step: str
    done: float
    total: float | None
    unit: Literal["bytes", "tokens", "files", "tensors", "steps"] = "bytes"
    rate: float | None = None
    remaining_s: float | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that the person should read; it does not stop the job."""

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class PromptRead:
    """The prompt is processed: ``reused_tokens`` of its tokens were still in the KV cache."""

    prompt_tokens: int
    reused_tokens: int
    seconds: float


class Odds(NamedTuple):
    """How likely a token was: its natural logarithm, and the likeliest tokens at its place with theirs."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()

    @classmethod
    def of(cls, record: Sequence[Any]) -> Odds:
        """Rebuild from JSON, which has lists for tuples."""
        text, logprob, top = record
        return cls(text, logprob, tuple((other, its) for other, its in top))


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer: text of one or more tokens; ``part`` tells thinking from the answer proper.

    ``odds`` has one entry a token where that was asked for.
    """

    text: str
    part: Literal["answer", "thinking"] = "answer"
    ids: tuple[int, ...] = ()
    odds: tuple[Odds, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The job's last event: what it made. Over a process boundary ``value`` is plain JSON."""

    value: Any = field(default=None)


Event = Progress | Notice | PromptRead | Token | Finished


class Job(Protocol):
    """A long step: iterate once for its events; :meth:`cancel` may be called from any thread, at any time."""

    def __iter__(self) -> Iterator[Event]: ...

    def cancel(self) -> None: ...
