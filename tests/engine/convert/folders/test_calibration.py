"""How texts become samples to calibrate on; the tokenizer is a small one that counts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.convert.methods.calibration import samples, shortage
from engine.errors import Refused


class Bytes:
    """A tokenizer of bytes; with a template, turns are marked by two tokens of their own."""

    def __init__(self, template: str = "") -> None:
        self.chat_template = template

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": list(text.encode())}

    def apply_chat_template(self, turns: list[dict[str, str]], tokenize: bool) -> str:
        assert not tokenize
        return "".join(f"<{turn['role']}>{turn['content']}</>" for turn in turns)


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4), st.integers(1, 20), st.integers(1, 64))
def test_samples_are_whole_and_of_one_length(texts: list[str], count: int, length: int) -> None:
    stream = b"".join(text.encode() for text in texts if text.strip())
    made = samples(texts, Bytes(), count, length)
    assert len(made.tokens) <= count
    assert len({len(tokens) for tokens in made.tokens}) <= 1
    assert all(bytes(tokens) in stream for tokens in made.tokens)
    assert bool(made.tokens) == bool(stream)


def test_all_of_a_text_is_used_where_there_is_room() -> None:
    made = samples(["abcdefgh" * 100], Bytes(), 1000, 8)
    assert len(made.tokens) == 100


def test_samples_come_from_all_texts() -> None:
    made = samples(["a" * 1000, "b" * 1000], Bytes(), 4, 50)
    assert {bytes(tokens)[:1] for tokens in made.tokens} == {b"a", b"b"}


def test_a_model_with_a_template_reads_conversations_too() -> None:
    text = "\n\n".join("words " * 150 for _ in range(8))
    made = samples([text], Bytes("template"), 100, 100)
    read = b"".join(bytes(tokens) for tokens in made.tokens)
    assert made.templated
    assert b"<user>" in read
    assert b"<assistant>" in read
    assert read.count(b"words") > 900


def test_other_texts_have_another_hash() -> None:
    assert samples(["a"], Bytes(), 1, 1).sha256 != samples(["b"], Bytes(), 1, 1).sha256


def test_too_little_text_is_told() -> None:
    assert not shortage(samples(["abcdefgh" * 100], Bytes(), 8, 8), 8, 8)
    told = shortage(samples(["abcdefgh" * 20], Bytes(), 128, 512), 128, 512)
    assert told.startswith("The texts give 4 samples of 40 tokens, where 128 of 512 were asked for.")


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("  ", 0), ("A sentence.", 10)])
def test_next_to_no_text_is_refused(text: str, tokens: int) -> None:
    with pytest.raises(Refused, match=f"give {tokens} tokens to calibrate on"):
        shortage(samples([text], Bytes(), 128, 512), 128, 512)
