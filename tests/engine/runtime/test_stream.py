"""Bytes to text, with stop strings, however tokens break."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.backends.stream import TextStream, held_length

WORDS = st.text(alphabet="abé🍎 \n", max_size=30)
STOPS = st.lists(st.text(alphabet="abé🍎", min_size=1, max_size=4), max_size=3)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def streamed(pieces: list[bytes], stops: list[str]) -> tuple[list[str], bool]:
    stream = TextStream(stops)
    shown = [stream.feed(piece) for piece in pieces]
    return [*shown, stream.finish()], stream.stopped


def expected(text: str, stops: list[str]) -> str:
    """Try each beginning of the text: the first that ends with a stop string ends the answer."""
    for end in range(1, len(text) + 1):
        starts = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if starts:
            return text[: min(starts)]
    return text


@given(WORDS, STOPS, st.lists(st.integers(min_value=0), max_size=12))
def test_the_text_is_the_same_however_it_is_cut(text, stops, places):
    shown, stopped = streamed(cut(text.encode(), places), stops)
    assert "".join(shown) == expected(text, stops)
    assert stopped == any(stop in text for stop in stops)


@given(WORDS, STOPS, st.lists(st.integers(min_value=0), max_size=12))
def test_nothing_is_ever_taken_back_and_no_half_character_shown(text, stops, places):
    final, so_far = expected(text, stops), ""
    for piece in streamed(cut(text.encode(), places), stops)[0]:
        so_far += piece
        assert final.startswith(so_far)
        assert "\N{REPLACEMENT CHARACTER}" not in so_far


def test_without_stop_strings_whole_characters_are_shown_at_once():
    stream = TextStream()
    assert [stream.feed(piece) for piece in (b"a", b"\xf0\x9f", b"\x8d\x8eb")] == ["a", "", "🍎b"]


def test_a_character_that_never_became_whole_is_shown_as_such():
    stream = TextStream()
    assert stream.feed(b"a\xf0\x9f") + stream.finish() == "a\N{REPLACEMENT CHARACTER}"


def test_a_partial_stop_string_is_held_back_and_then_shown():
    stream = TextStream(["END"])
    assert [stream.feed(b"the E"), stream.feed(b"N"), stream.feed(b"T")] == ["the ", "", "ENT"]
    assert stream.feed(b" EN") + stream.finish() == " EN"


def test_an_empty_stop_string_stops_nothing():
    assert "".join(streamed([b"abc"], [""])[0]) == "abc"


def test_held_length_finds_the_longest_beginning():
    assert held_length("xaab", "aabaab") == 3
    assert held_length("aabaab", "aabaab") == 3  # a whole mark is no beginning
    assert held_length("xyz", "aab") == 0
