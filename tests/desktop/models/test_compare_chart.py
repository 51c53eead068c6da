"""The chart's numbers and words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.models.compare import rank
from desktop.models.compare_chart import Point, axes_for, chart_words, points_of, swiftness
from engine.measure.choose import Rule
from tests.desktop.models.test_compare import ROOM, contender
from tests.helpers.values import GB

FULL = Point(Path("/f"), "F16", 16 * GB, 0.0, 5.0)
GOOD = Point(Path("/g"), "Q8_0", 8 * GB, 0.004, 10.0, best=True)
POOR = Point(Path("/p"), "Q2_K", 3 * GB, 0.6, 25.0)
UNTIMED = Point(Path("/u"), "Q4_0", 5 * GB, 0.1, None)
POINTS = st.builds(
    Point,
    st.just(Path("/x")),
    st.just("Q4_0"),
    st.integers(1, 10**13),
    st.one_of(st.just(0.0), st.floats(-1e-4, 50, allow_nan=False, allow_subnormal=False)),
    st.one_of(st.none(), st.floats(0.01, 1e4)),
)


def test_what_was_compared_is_a_point():
    ranked = rank([contender("F16", None, 6), contender("Q2_K", 0.6, 30)], Rule(), ROOM)
    assert [(point.label, point.loss, point.best) for point in points_of(ranked)] == [
        ("F16", 0.0, True),
        ("Q2_K", 0.6, False),
    ]


def test_the_axes_have_round_numbers():
    axes = axes_for([FULL, GOOD, POOR])
    assert axes.size_ticks == (5 * GB, 10 * GB, 15 * GB)
    assert axes.loss_ticks == pytest.approx((0.001, 0.01, 0.1, 1.0))
    assert axes.up(0.0) == 0.0 < axes.up(0.001) < axes.up(0.004) < axes.up(0.01) < axes.up(1.0) == 1.0


@given(st.lists(POINTS, min_size=1, max_size=12))
def test_every_point_lies_within_the_axes(points):
    axes = axes_for(points)
    assert 1 <= len(axes.size_ticks) <= 12
    for point in points:
        assert 0 < axes.across(point.size_bytes) < 1
        assert 0 <= axes.up(point.loss) <= 1
        part = swiftness(point, points)
        assert part is None or 0 <= part <= 1


def test_the_speed_gives_the_colour():
    assert [swiftness(point, [FULL, GOOD, POOR, UNTIMED]) for point in (FULL, GOOD, POOR, UNTIMED)] == [
        0.0,
        0.25,
        1.0,
        None,
    ]
    assert swiftness(FULL, [FULL]) == 1.0


def test_the_chart_in_words():
    assert chart_words([POOR, GOOD, FULL, UNTIMED]) == (
        "Q2_K: 3.0 GB, divergence 0.6000, 25.0 tokens/s. "
        "Q8_0 (best for you): 8.0 GB, divergence 0.0040, 10.0 tokens/s. "
        "F16: 16.0 GB, no divergence: it is the original, 5.0 tokens/s. "
        "Q4_0: 5.0 GB, divergence 0.1000."
    )
