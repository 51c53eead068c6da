"""How a model writes the text itself that it is calibrated on; the model is a table of scores."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.convert.methods.speaking import draw, first_tokens, written

BEGIN, END, WORDS = 1, 2, 40


class Table:
    """After token n all tokens are as likely as their row says, and every fifth position ends a text."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[int], int]] = []
        self._scores = np.random.default_rng(3).standard_normal((WORDS, WORDS)).astype(np.float32)

    def __call__(self, tokens: Sequence[int], position: int) -> Any:
        self.asked.append((list(tokens), position))
        rows = self._scores[list(tokens)].copy()
        if position % 5 == 4:
            rows[:, END] = 100
        return rows


def write(seed: int, begin: int | None = BEGIN, length: int = 24) -> tuple[list[list[int]], Table]:
    table, generator = Table(), np.random.default_rng(seed)
    first = first_tokens(4, WORDS, generator, begin, {BEGIN, END}.__contains__)
    return written(table, first, length, generator, begin, frozenset({END})), table


def test_the_same_seed_writes_the_same_text_and_another_seed_another():
    assert write(7)[0] == write(7)[0]
    assert write(7)[0] != write(8)[0]


def test_samples_are_whole_and_each_token_is_asked_for_at_its_place():
    samples, table = write(7)
    assert {len(sample) for sample in samples} == {24}
    assert [position for _, position in table.asked] == list(range(23))
    assert all(tokens == [sample[position] for sample in samples] for tokens, position in table.asked)


def test_behind_the_end_of_a_text_the_next_one_begins():
    samples, _ = write(7)
    followers = {after for sample in samples for token, after in itertools.pairwise(sample) if token == END}
    assert followers == {BEGIN}
    assert sum(sample.count(END) for sample in samples) >= 12


def test_a_model_without_a_beginning_goes_on_by_itself():
    samples, _ = write(7, begin=None)
    assert BEGIN not in {sample[0] for sample in samples}
    assert {len(sample) for sample in samples} == {24}


def test_half_of_the_samples_begin_as_the_model_begins_a_text_and_none_with_a_control_token():
    first = first_tokens(8, WORDS, np.random.default_rng(0), BEGIN, {BEGIN, END}.__contains__)
    assert first[::2] == [BEGIN] * 4
    assert not {BEGIN, END} & set(first[1::2])


def test_draws_follow_the_probabilities():
    scores = np.log(np.array([[0.7, 0.2, 0.1, 1e-9]], np.float32))
    generator = np.random.default_rng(1)
    drawn = [draw(scores, generator)[0] for _ in range(4000)]
    shares = [drawn.count(token) / len(drawn) for token in range(4)]
    np.testing.assert_allclose(shares, [0.7, 0.2, 0.1, 0], atol=0.03)
