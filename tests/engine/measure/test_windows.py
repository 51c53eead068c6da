"""Windows: how many, of which text, and from where."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Refused
from engine.measure.methods.windows import digest, windows_of


def test_a_text_is_read_whole_and_in_order():
    found = windows_of([("a", range(10))], 3, 0)
    assert [window.tokens for window in found] == [(0, 1, 2), (3, 4, 5), (6, 7, 8)]


def test_texts_take_turns_and_are_spread():
    found = windows_of([("a", range(100)), ("b", range(100))], 10, 60)
    assert [window.text for window in found] == ["a", "b"] * 3
    assert [window.tokens[0] for window in found if window.text == "a"] == [0, 30, 60]


def test_a_short_text_leaves_its_part_to_the_others():
    found = windows_of([("long", range(100)), ("short", range(10)), ("none", range(5))], 10, 50)
    assert [window.text for window in found].count("long") == 4
    assert [window.text for window in found].count("short") == 1


def test_a_text_that_fills_no_window_is_refused():
    with pytest.raises(Refused, match="512"):
        windows_of([("a", range(511))], 512, 0)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=5), st.integers(2, 40), st.integers(0, 900))
def test_never_more_than_asked_and_never_twice(lengths: list[int], length: int, tokens: int):
    texts = [(str(index), range(count)) for index, count in enumerate(lengths)]
    there = sum(count // length for count in lengths)
    if not there:
        return
    found = windows_of(texts, length, tokens)
    assert len(found) == (min(there, max(1, tokens // length)) if tokens else there)
    assert len({(window.text, window.tokens[0]) for window in found}) == len(found)
    assert all(len(window.tokens) == length for window in found)


def test_the_digest_tells_readings_apart():
    one, other = windows_of([("a", range(9))], 3, 0), windows_of([("a", range(1, 10))], 3, 0)
    assert digest(one, None) == digest(one, None)
    assert len({digest(one, None), digest(one, 1), digest(other, None), digest(one[:2], None)}) == 4
