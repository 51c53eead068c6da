"""Guesses by prompt lookup, and when they are given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.backends.llama.guessing import Worth, looked_up

TOKENS = st.lists(st.integers(0, 3) | st.integers(0, 2**31 - 1), max_size=60)


@pytest.mark.parametrize(
    ("tokens", "guess"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 1, 2, 3], [4, 5, 6, 7]),
        ([1, 2, 9, 1, 2, 8, 1, 2], [8, 1, 2]),  # the latest time, and only what there is
        ([5, 5, 5], [5]),
        ([1, 2, 3], []),
        ([1], []),
        ([], []),
        ([256, 0, 7, 1, 0], []),  # the bytes of 1, 0 stand in those of 256, 0 as well, a byte further
    ],
)
def test_what_followed_before_is_guessed(tokens: list[int], guess: list[int]) -> None:
    assert looked_up(tokens, 4) == guess
    assert looked_up(tokens, 0) == []


@given(TOKENS, st.integers(1, 6))
def test_a_guess_is_what_followed_the_same_tokens(tokens: list[int], most: int) -> None:
    guess = looked_up(tokens, most)
    assert len(guess) <= most
    needle = tokens[-2:]
    places = [at for at in range(len(tokens) - 2) if tokens[at : at + 2] == needle]
    assert bool(guess) == bool(places)
    assert not guess or any(tokens[at + 2 : at + 2 + len(guess)] == guess for at in places)


def taken(worth: Worth, count: int, *, tokens: int, cost: float) -> int:
    """Let computations run, and return how many were made with guesses; one with guesses costs ``cost`` plain ones."""
    guessed = 0
    for _ in range(count):
        pays = worth.pays
        guessed += pays
        worth.note(cost if pays else 1.0, tokens if pays else 1, guessed=pays)
    return guessed


def test_guesses_that_pay_go_on() -> None:
    assert taken(Worth(), 500, tokens=3, cost=2.0) == 497


def test_guesses_that_do_not_pay_become_rare() -> None:
    worth = Worth()
    assert taken(worth, 2000, tokens=2, cost=2.1) < 60
    assert taken(worth, 4000, tokens=3, cost=2.0) > 2500  # the text has changed: they are tried again
