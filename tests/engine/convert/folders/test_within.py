"""Parts of a layer are told by how long the same parts of the layer before took."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the optional group cuda is not installed")

from engine.convert.methods.within import PIECES, Within  # noqa: E402


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def computing(within: Within, clock: Clock, layer: int, pauses_s: list[float], rest_s: float = 0.0) -> None:
    within.begin(layer)
    linear = torch.nn.Linear(2, 2)
    for pause_s in pauses_s:
        clock.now_s += pause_s
        linear(torch.ones(2))
    clock.now_s += rest_s


def test_the_layer_before_says_how_far_this_one_is() -> None:
    clock, told = Clock(), []
    with Within(lambda done, total: told.append((done, total)), clock) as within:
        within.finished(0, 3)
        computing(within, clock, 0, [1.0, 1.0, 6.0], rest_s=2.0)
        assert told == [(0, 3)], "of the first layer nothing is known yet"
        within.begin(1)
        within.finished(1, 3)
        assert told[-1] == (1, 3)
        computing(within, clock, 1, [2.0, 2.0, 12.0])
        assert told[2:] == [(1.1, 3), (1.2, 3), (1.8, 3)]


def test_what_is_finished_late_runs_nothing_backwards() -> None:
    clock, told = Clock(), []
    with Within(lambda done, total: told.append(done), clock) as within:
        within.finished(0, 2)
        computing(within, clock, 0, [1.0, 1.0])
        computing(within, clock, 1, [1.0])
        within.finished(1, 2)
        assert told == [0, 1.5]
        within.finished(2, 2)
        assert told == [0, 1.5, 2]


def test_small_parts_are_told_together_and_nothing_is_heard_afterwards() -> None:
    clock, told = Clock(), []
    with Within(lambda done, total: told.append(done), clock) as within:
        within.finished(0, 2)
        for layer in (0, 1):
            computing(within, clock, layer, [0.001] * 1000)
    assert PIECES - 2 <= len(told) <= PIECES + 2
    torch.nn.Linear(2, 2)(torch.ones(2))
    assert len(told) <= PIECES + 2
