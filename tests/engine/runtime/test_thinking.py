"""Thinking and answer, told apart however pieces break."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.runtime.backends.thinking import KNOWN_TAGS, ThinkingSplitter, ThinkingTags, tags_of

THINK = ThinkingTags("<think>", "</think>")
HARMONY = KNOWN_TAGS[0]
COMMAND = KNOWN_TAGS[2]


def split(pieces: list[str], tags: ThinkingTags | None = THINK, is_open: bool = False) -> tuple[str, str]:
    """Return (thinking, answer)."""
    splitter, texts = ThinkingSplitter(tags, is_open=is_open), {"thinking": "", "answer": ""}
    for piece in pieces:
        for part, text in splitter.feed(piece):
            assert text
            texts[part] += text
    for part, text in splitter.finish():
        texts[part] += text
    return texts["thinking"], texts["answer"]


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("<think>\nTwo.\n</think>\n\nFour.", "Two.", "Four."),
        ("\n<think>a\n\nb</think>c", "a\n\nb", "c"),
        ("<think>\n\n</think>\n\nFour.", "", "Four."),
        ("<think>never closed ", "never closed", ""),
        ("No thinking.", "", "No thinking."),
        ("  indented", "", "  indented"),
        ("Write <think> like this: </think>", "", "Write <think> like this: </think>"),
        ("<thin ice", "", "<thin ice"),
        ("<think>a</thin b</think>c<think>d</think>", "a</thin b", "c<think>d</think>"),
        ("", "", ""),
        (" ", "", " "),
        ("<think>a</think> \n", "a", ""),
    ],
)
def test_thinking_stands_at_the_start(text, thinking, answer):
    assert split([text]) == (thinking, answer)
    assert split(list(text)) == (thinking, answer)


def test_a_prompt_may_have_opened_the_thinking():
    assert split(["Two", ".\n</th", "ink>\n\nFour."], is_open=True) == ("Two.", "Four.")


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        (
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Four.",
            "Hm.",
            "Four.",
        ),
        ("<|channel|>final<|message|>Four.", "", "Four."),
        ("<|channel|>commentary<|message|>x", "", "<|channel|>commentary<|message|>x"),
        ("plain", "", "plain"),
    ],
)
def test_the_channels_of_gpt_oss(text, thinking, answer):
    assert split([text], HARMONY) == split(list(text), HARMONY) == (thinking, answer)


def test_a_head_before_the_answer_is_not_shown():
    text = "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Four."
    assert split(list(text), COMMAND) == ("Hm.", "Four.")


def test_without_tags_everything_is_answer():
    assert split(["<think>a</think>b"], None) == ("", "<think>a</think>b")


@given(
    st.text(alphabet="ab <>/\n", max_size=12),
    st.text(alphabet="ab <>/\n", max_size=12),
    st.sampled_from(KNOWN_TAGS),
    st.booleans(),
    st.lists(st.integers(min_value=1, max_value=5), min_size=1, max_size=40),
)
def test_the_parts_are_the_same_however_the_text_is_cut(thought, answer, tags, is_open, lengths):
    text = ("" if is_open else tags.open) + thought + tags.close + answer
    pieces, rest = [], text
    for length in lengths:
        pieces.append(rest[:length])
        rest = rest[length:]
    assert split([*pieces, rest], tags, is_open) == split([text], tags, is_open) == (thought.strip(), answer.lstrip())


@given(st.text(alphabet="ab \n", max_size=12), st.text(alphabet="ab\n ", min_size=1, max_size=12), st.booleans())
def test_what_is_put_together_comes_apart_again(thought, answer, is_open):
    thinking, content = thought.strip(), answer.strip()
    text = THINK.wrapped(thinking, content, is_open=is_open)
    assert split([text], is_open=is_open) == (thinking, content)


def test_a_closing_tag_alone_tells_of_thinking_but_an_end_of_turn_does_not():
    assert tags_of("{{ content.split('</think>')[-1] }}") == THINK
    assert tags_of("{{ '<|user|>' + content + '<|end|>' }}") is None


def test_an_answer_is_awaited_before_and_after_thinking_and_not_within():
    splitter = ThinkingSplitter(tags_of("<think></think>"), is_open=True)
    told = []
    for piece in ("Hm", ".</th", "ink>", "\n\nYes"):
        told.append(splitter.awaits_answer)
        list(splitter.feed(piece))
    assert [*told, splitter.awaits_answer] == [False, False, False, True, True]
    assert ThinkingSplitter(None).awaits_answer
