"""Corrected estimates of loads that they were not corrected from, beside the first estimates.

The loads were recorded on a real machine: ``source`` in tests/cases/recommend/observed_loads.json says where and how.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any, get_args

import pytest

from engine.recommend.corrections import BOUNDS, Case, Corrected, Corrections, Observation, Quantity

RECORDED = json.loads((Path(__file__).parents[2] / "cases" / "recommend" / "observed_loads.json").read_text("utf-8"))
QUANTITIES = get_args(Quantity)
Left = Callable[[Observation, Observation], bool]


def observation(row: dict[str, Any]) -> Observation:
    return Observation(row["quantity"], row["predicted"], row["measured"], Case(**row["case"]))


ROWS = tuple(observation(row) for row in RECORDED["rows"])


def itself(row: Observation, held: Observation) -> bool:
    return row is held


def its_format(row: Observation, held: Observation) -> bool:
    return row.case.format_id == held.case.format_id


def its_context(row: Observation, held: Observation) -> bool:
    return row.case.context_tokens == held.case.context_tokens


def held_out(quantity: Quantity, left_out: Left) -> list[tuple[Observation, Corrected]]:
    """Return each load of a quantity with its estimate, corrected from those that are not left out with it."""
    held = [row for row in ROWS if row.quantity == quantity]
    return [
        (
            row,
            Corrections(tuple(other for other in ROWS if not left_out(other, row))).correct(
                quantity, row.predicted, row.case
            ),
        )
        for row in held
    ]


def error(estimated: float, measured: float) -> float:
    return abs(math.log(estimated / measured))


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize(("left_out", "at_most"), [(itself, 0.8), (its_context, 0.95), (its_format, 1.0)])
def test_a_corrected_estimate_is_nearer_than_the_first(quantity: Quantity, left_out: Left, at_most: float) -> None:
    pairs = held_out(quantity, left_out)
    assert len(pairs) == 18
    first = mean(error(row.predicted, row.measured) for row, _ in pairs)
    after = mean(error(corrected.value, row.measured) for row, corrected in pairs)
    assert after <= at_most * first


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_none_is_worse_than_its_bound(quantity: Quantity) -> None:
    least, most = BOUNDS[quantity]
    bound = math.log(max(1 / least, most))
    for left_out in (itself, its_context, its_format):
        for row, corrected in held_out(quantity, left_out):
            assert error(corrected.value, row.measured) <= error(row.predicted, row.measured) + bound


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_interval_holds_what_was_measured(quantity: Quantity) -> None:
    inside = [corrected.low <= row.measured <= corrected.high for row, corrected in held_out(quantity, itself)]
    assert mean(inside) >= 0.8
