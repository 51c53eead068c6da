"""What people thought of two answers to one question, as frozen values: the everyday counterpart of a report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["first", "second", "tie"]


@dataclass(frozen=True, slots=True)
class Side:
    """A model that answered: its file's SHA-256 (of a model on a server: its name in place of it), format and name."""

    sha256: str
    format_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Vote:
    """Which of two answers was better. ``blind``: the names were hidden until then.

    ``question_id`` is the message that both answered, ``None`` once it is deleted. ``created_s`` is Unix time.
    """

    first: Side
    second: Side
    verdict: Verdict
    blind: bool
    question_id: int | None = None
    created_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a model's answer was better than the other's, worse, or as good."""

    better: int = 0
    worse: int = 0
    tied: int = 0

    @property
    def count(self) -> int:
        return self.better + self.worse + self.tied

    @property
    def words(self) -> str:
        return f"{self.better} better, {self.worse} worse, {self.tied} as good"

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.better + other.better, self.worse + other.worse, self.tied + other.tied)


_FIRST: dict[Verdict, Tally] = {"first": Tally(better=1), "second": Tally(worse=1), "tie": Tally(tied=1)}
_SECOND: dict[Verdict, Tally] = {"first": Tally(worse=1), "second": Tally(better=1), "tie": Tally(tied=1)}


def tallies(votes: Iterable[Vote]) -> dict[str, Tally]:
    """Return the count of each model by its SHA-256, over all that it was set against."""
    found: dict[str, Tally] = {}
    for vote in votes:
        for side, counts in ((vote.first, _FIRST), (vote.second, _SECOND)):
            found[side.sha256] = found.get(side.sha256, Tally()) + counts[vote.verdict]
    return found
