"""Numbers as people read them, sentences as they are spoken, and the speed of an answer that still comes."""

from __future__ import annotations

import pytest

from desktop.widgets.chat.announcer import Sentences
from desktop.widgets.chat.live_rate import LiveRate
from desktop.widgets.chat.words import footer_words, rate, seconds, thinking_words
from engine.events import Token
from engine.runtime.results import Usage

USAGE = Usage(420, 300, 512, 0.4, 900.0, 23.4, 0, "stop", 1)


def test_the_footer_says_what_an_answer_took():
    took = "23 tokens/s · 512 tokens · first token 0.40 s · 300 of 420 prompt tokens reused"
    assert footer_words("stop", USAGE) == took
    assert footer_words("context", USAGE) == f"The context is full · {took}"
    assert footer_words("cancelled", None) == "Stopped by you"


def test_numbers_have_the_digits_that_matter():
    assert [seconds(span) for span in (0.349, 4.21, 65)] == ["0.35 s", "4.2 s", "1 min 5 s"]
    assert [rate(speed) for speed in (0.52, 9.94, 123.4)] == ["0.5 tokens/s", "9.9 tokens/s", "123 tokens/s"]


def test_thoughts_say_how_long_they_took():
    assert thinking_words(2.0, True) == "Thinking… 2.0 s"
    assert thinking_words(12.34, False) == "Thought for 12.3 s"
    assert thinking_words(None, False) == "Thoughts"


def test_sentences_come_whole_and_without_markup():
    sentences = Sentences()
    assert sentences.add("**Hello** wor") == []
    assert sentences.add("ld. And `the") == ["Hello world."]
    assert sentences.add("n`?\n# Ti") == ["And then?"]
    assert sentences.add("tle\n1. See [the page](https://x.org). Done") == ["Title", "1. See the page."]
    assert sentences.end() == ["Done"]
    assert sentences.end() == []


def test_the_live_rate_counts_ids_from_the_first_token_on():
    live = LiveRate()
    assert live.add([Token("a", ids=(1,))], 10.0) is None
    assert live.add([Token("b", ids=(2, 3))], 10.2) is None  # too early to say
    assert live.add([Token("c", ids=(4, 5, 6))], 11.0) == pytest.approx(5.0)
    assert live.add([Token("d", ids=(7,))], 11.1) is None  # told just now
    assert live.add([Token("e", ids=(8, 9, 10, 11))], 12.0) == pytest.approx(5.0)


def test_tokens_without_ids_have_no_live_rate():
    live = LiveRate()
    assert [live.add([Token("a")], now_s) for now_s in (1.0, 2.0, 3.0)] == [None, None, None]
