"""The last turn's own tokens are kept wherever the next prompt agrees with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.backends.llama.transcript import Transcript

END = "#"


class Letters:
    """A vocabulary where each letter is a token, and “#” a control token."""

    def following_tokens(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def begins_special(self, text: str) -> bool:
        return text.startswith(END)


def transcript(*pieces: str) -> Transcript:
    turn = Transcript()
    turn.begin("Q", [ord("Q")])
    for number, piece in enumerate(pieces):
        turn.add(1000 + number, piece.encode())
    return turn


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Qabc#", [81, 1000, 1001, ord("#")]),  # the whole answer, then the end of the turn
        ("Qabcd", [81, 1000, 1001, ord("d")]),  # the whole answer, and it goes on
        ("Qabc", [81, 1000, 1001]),
        ("Qab#", [81, 1000, ord("#")]),  # trimmed at a token's end
        ("Q#", [81, ord("#")]),
        ("Q", [81]),  # the same question again
        ("Qa#", None),  # trimmed within a token: another token would stand there
        ("Qab", [81, 1000]),
        ("Qabx", None),  # edited: tokens could join across
        ("X", None),
        ("", None),
    ],
)
def test_what_agrees_is_kept(text, tokens):
    assert transcript("ab", "c").tokens_of(text, Letters()) == tokens


def test_before_the_first_turn_nothing_is_known():
    assert Transcript().tokens_of("Qab", Letters()) is None


def test_a_character_of_several_tokens_is_kept_whole():
    turn = Transcript()
    turn.begin("Q", [81])
    turn.add(1, "🍎".encode()[:2])
    turn.add(2, "🍎".encode()[2:])
    assert turn.tokens_of("Q🍎#", Letters()) == [81, 1, 2, ord("#")]


@given(st.lists(st.text("ab", min_size=1, max_size=3), max_size=6), st.text("ab#", max_size=12))
def test_the_text_of_the_tokens_is_the_prompts_own(pieces, rest):
    tokens = transcript(*pieces).tokens_of("Q" + rest, Letters())
    if tokens is not None:
        assert "".join(pieces[token - 1000] if token >= 1000 else chr(token) for token in tokens) == "Q" + rest
