"""What earlier loads and measurements on this machine say about the next estimate. Pure values: nothing is read here.

A correction is a factor, measured over predicted: the weighted median of the loads on the same device, each weighing by
how much it is alike (build, architecture, format, cache type, context, size), drawn towards 1 by a prior that weighs as
one load. A locally weighted estimate with shrinkage: Hastie, Tibshirani and Friedman, The Elements of Statistical
Learning, 2nd edition, chapter 6; Gelman and Hill, Data Analysis Using Regression, 2007, chapter 12.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Quantity = Literal["memory", "decode", "prompt", "load"]

# The least and the most that a factor may be. An estimate becomes worse by the greater of 1 / least and most, no more.
# Memory is asymmetric: a model that is said to be smaller than it is may not fit.
BOUNDS: dict[Quantity, tuple[float, float]] = {
    "memory": (1 / 1.1, 1.25),
    "decode": (1 / 6, 4.0),
    "prompt": (1 / 8, 8.0),
    "load": (1 / 8, 8.0),
}
# How far a first estimate may be off, as a factor (docstrings of speed.py; tests/end2end/test_footprint_real.py).
FIRST_ERRORS: dict[Quantity, float] = {"memory": 1.05, "decode": 1.5, "prompt": 3.0, "load": 4.0}
PRIOR_WEIGHT = 1.0  # of the first estimate, in loads
LEAST_WEIGHT = 0.05  # what is less alike is not counted
_SPREAD_OF_MAD = 1.4826  # turns a median absolute deviation into a standard deviation, for normal errors
_DEVIATIONS = 2.0  # of the interval, to each side: about 95 %

# What a load weighs that differs in one thing; and for each doubling of another.
_OTHER = {"build": 0.5, "architecture": 0.5, "format_id": 0.5, "cache_type": 0.7}
_DOUBLED = {"context_tokens": 0.7, "weights_bytes": 0.7}


@dataclass(frozen=True, slots=True)
class Case:
    """What a prediction is about. ``device`` computes; ``build`` is the program and the version of it that computes."""

    device: str
    build: str
    architecture: str
    format_id: str
    context_tokens: int
    weights_bytes: int
    cache_type: str = "f16"

    def likeness(self, other: Case) -> float:
        """Return what an observation of another case weighs here, from 0 to 1."""
        if self.device != other.device or self._program != other._program:
            return 0.0
        weight = math.prod(share for name, share in _OTHER.items() if getattr(self, name) != getattr(other, name))
        return weight * math.prod(
            share ** abs(math.log2(max(getattr(self, name), 1) / max(getattr(other, name), 1)))
            for name, share in _DOUBLED.items()
        )

    @property
    def _program(self) -> str:
        return self.build.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Observation:
    """A first estimate, never a corrected one, and what was measured: bytes, tokens a second, or seconds."""

    quantity: Quantity
    predicted: float
    measured: float
    case: Case

    @property
    def usable(self) -> bool:
        values = (self.predicted, self.measured)
        return all(math.isfinite(value) and value > 0 for value in values) and math.isfinite(self.ratio_log)

    @property
    def ratio_log(self) -> float:
        return math.log(self.measured) - math.log(self.predicted)


@dataclass(frozen=True, slots=True)
class Corrected:
    """An estimate with its terms: ``value`` is ``first`` times ``factor``, probably between ``low`` and ``high``.

    ``count`` is the number of loads and measurements that it was corrected from.
    """

    quantity: Quantity
    first: float
    factor: float
    low: float
    high: float
    count: int

    @property
    def value(self) -> float:
        return self.first * self.factor

    def by(self, factor: float) -> Corrected:
        """Return the estimate with another factor, and its interval around that."""
        shift = factor / self.factor
        return replace(self, factor=factor, low=self.low * shift, high=self.high * shift)


@dataclass(frozen=True, slots=True)
class Corrections:
    """All observations that are kept. Without any the first estimate stays as it is."""

    observations: tuple[Observation, ...] = ()

    def correct(self, quantity: Quantity, first: float, case: Case) -> Corrected:
        """Return the estimate, corrected by a factor within :data:`BOUNDS`, with its interval."""
        alike = [(row.ratio_log, case.likeness(row.case)) for row in self._of(quantity)]
        alike = sorted(pair for pair in alike if pair[1] >= LEAST_WEIGHT)
        share = _share(alike)
        centre = _median(alike)
        factor = _within(BOUNDS[quantity], math.exp(share * centre))
        width = math.exp(_DEVIATIONS * _spread(alike, centre, math.log(FIRST_ERRORS[quantity]) / _DEVIATIONS))
        return Corrected(quantity, first, factor, first * factor / width, first * factor * width, len(alike))

    def _of(self, quantity: Quantity) -> Iterable[Observation]:
        return (row for row in self.observations if row.quantity == quantity and row.usable)


NO_CORRECTIONS = Corrections()


def _within(bounds: tuple[float, float], factor: float) -> float:
    least, most = bounds
    return max(least, min(most, factor))


def _share(alike: Sequence[tuple[float, float]]) -> float:
    """Return what the observations weigh beside the prior."""
    total = sum(weight for _, weight in alike)
    return total / (total + PRIOR_WEIGHT)


def _spread(alike: Sequence[tuple[float, float]], centre: float, first_spread: float) -> float:
    """Return the standard deviation of the next ratio: that of the observations pooled with the first estimate's."""
    share = _share(alike)
    own = _SPREAD_OF_MAD * _median(sorted((abs(value - centre), weight) for value, weight in alike))
    return math.sqrt(share * own**2 + (1 - share) * first_spread**2)


def _median(ordered: Sequence[tuple[float, float]]) -> float:
    """Return the weighted median of values in ascending order: the mean of both where a half ends between two."""
    half, reached = sum(weight for _, weight in ordered) / 2, 0.0
    for index, (value, weight) in enumerate(ordered):
        reached += weight
        if math.isclose(reached, half) and index + 1 < len(ordered):
            return (value + ordered[index + 1][0]) / 2
        if reached > half:
            return value
    return 0.0
