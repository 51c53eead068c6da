"""Size against quality as points on two axes: the chart's numbers, and the same in words. Nothing is drawn here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from desktop.language import tr
from desktop.models.compare import Ranked
from desktop.quantities import number, size
from engine.measure.choose import loss

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICKS = 5  # about so many on the axis of sizes


@dataclass(frozen=True, slots=True)
class Point:
    """A measured format. ``loss`` is its divergence in nats, at most 0 for the original."""

    path: Path
    label: str
    size_bytes: int
    loss: float
    tokens_s: float | None
    best: bool = False


@dataclass(frozen=True, slots=True)
class Axes:
    """Where values lie between 0 and 1: sizes from 0 on evenly, divergences by their logarithm.

    What has no logarithm, the original's 0, lies at 0; the decades begin at ``_ABOVE_ZERO``.
    """

    largest_bytes: float
    size_ticks: tuple[float, ...]
    lowest_decade: int
    highest_decade: int

    @property
    def loss_ticks(self) -> tuple[float, ...]:
        return tuple(10.0**decade for decade in range(self.lowest_decade, self.highest_decade + 1))

    def across(self, size_bytes: float) -> float:
        return size_bytes / self.largest_bytes

    def up(self, value: float) -> float:
        if value <= 0:
            return 0.0
        span = self.highest_decade - self.lowest_decade
        part = (math.log10(value) - self.lowest_decade) / span
        return _ABOVE_ZERO + (1 - _ABOVE_ZERO) * min(1.0, max(0.0, part))


_ABOVE_ZERO = 0.14


def points_of(ranked: Sequence[Ranked]) -> tuple[Point, ...]:
    """Return the formats that were compared with the original, the smallest first."""
    found = []
    for row in ranked:
        report = row.contender.report
        lost = loss(report) if report else None
        if report is not None and lost is not None and row.contender.model.size_bytes:  # a server's is not known
            rate = report.speed.decode_tokens_s.median if report.speed else None
            model = row.contender.model
            found.append(Point(model.path, row.contender.label, model.size_bytes, lost, rate, row.best))
    return tuple(sorted(found, key=lambda point: (point.size_bytes, point.label)))


def axes_for(points: Sequence[Point]) -> Axes:
    """Return axes that hold the points, with room for a label beside the largest."""
    largest = 1.15 * max((point.size_bytes for point in points), default=1)
    step = _nice(largest / _TICKS)
    ticks = tuple(step * number for number in range(1, int(largest / step) + 1))
    losses = [point.loss for point in points if point.loss > 0] or [0.01]
    lowest, highest = math.floor(math.log10(min(losses))), math.ceil(math.log10(max(losses)))
    return Axes(largest, ticks, lowest, max(highest, lowest + 1))


def swiftness(point: Point, points: Sequence[Point]) -> float | None:
    """Return 0 for the slowest of the points, 1 for the fastest; ``None`` if its speed was not measured."""
    rates = [each.tokens_s for each in points if each.tokens_s is not None]
    if point.tokens_s is None:
        return None
    span = max(rates) - min(rates)
    return (point.tokens_s - min(rates)) / span if span else 1.0


def point_words(point: Point) -> str:
    """Return a point as a sentence."""
    lost = (
        tr("divergence {loss}").format(loss=number(point.loss, 4))
        if point.loss > 0
        else tr("no divergence: it is the original")
    )
    facts = [size(point.size_bytes), lost]
    if point.tokens_s is not None:
        facts.append(tr("{rate} tokens/s").format(rate=number(point.tokens_s, 1)))
    name = tr("{format} (best for you)").format(format=point.label) if point.best else point.label
    return f"{name}: {', '.join(facts)}."


def chart_words(points: Sequence[Point]) -> str:
    """Return the whole chart in words, the smallest format first."""
    return " ".join(point_words(point) for point in points)


def _nice(step: float) -> float:
    """Return the next larger of 1, 2, 2.5 and 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(each * power for each in _STEPS if each * power >= step * 0.999)
