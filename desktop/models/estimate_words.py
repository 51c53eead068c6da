"""Estimates and what earlier loads made of them, in words."""

from __future__ import annotations

from collections.abc import Callable

from desktop.language import tr
from desktop.quantities import number, size
from engine.recommend.corrections import Corrected, Quantity
from engine.recommend.fit import Fit


def correction_words(fit: Fit) -> str:
    """Say what the first estimates were and what earlier loads made of them; "" where there were no loads."""
    rows = [row for row in fit.estimates if row.count]
    if not rows:
        return ""
    count = max(row.count for row in rows)
    return " ".join([corrected_from_words(count), *(_estimate_words(row) for row in rows)])


def corrected_from_words(count: int) -> str:
    """Say how many loads an estimate was corrected from; "" for none."""
    return tr("Corrected from %Ln load(s) on this machine.", "", count) if count else ""


def _estimate_words(row: Corrected) -> str:
    words, unit = _sentences()[row.quantity]
    return words.format(low=unit(row.low), high=unit(row.high), first=unit(row.first))


def _sentences() -> dict[Quantity, tuple[str, Callable[[float], str]]]:
    return {
        "memory": (tr("Memory {low} to {high}, first estimate {first}."), lambda count: size(round(count))),
        "decode": (tr("Answers at {low} to {high} tokens/s, first estimate {first}."), number),
        "prompt": (tr("Reads at {low} to {high} tokens/s, first estimate {first}."), number),
        "load": (tr("Loads in {low} to {high} s, first estimate {first} s."), lambda seconds: number(seconds, 1)),
    }
