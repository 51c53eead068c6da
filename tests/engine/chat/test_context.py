"""What fills the window, what is left out, and that it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.chat import context
from engine.chat.context import Counts, Filling, Fitted
from engine.chat.conversation import Conversation, LeftOut, Message
from engine.chat.enlarging import cache_costs, offered_enlargement
from engine.chat.fitting import Filled, Fitting, Titling, cleaned, first_words, is_talk
from engine.errors import ContextTooLong
from engine.events import Finished
from engine.runtime.backends.base import guessed_tokens
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.helpers.gguf_files import write_gguf
from tests.helpers.models import facts_of
from tests.helpers.scripts import recorded, script


def talk(turns: int, words: int = 10, system: str = "") -> Conversation:
    """Return a conversation of so many turns whose last question is not answered; each message has ``words`` words."""
    conversation = Conversation(system_prompt=system)
    for number in range(turns):
        text = " ".join([f"w{number}"] * words)
        conversation = conversation.asking(text).with_message(Message("assistant", text, ending="stop"))
    return conversation.before(-1)


def counted(conversation: Conversation, window: int, sampling: Sampling = Sampling()) -> Filling:  # noqa: B008
    parts = tuple(len(text.split()) for text in context.texts(conversation))
    return context.filling(conversation, Counts(sum(parts) + 5, parts), window, sampling)


def test_what_fills_the_window() -> None:
    filling = counted(talk(2, system="be kind"), 100, Sampling(max_tokens=20))
    assert (filling.system, filling.turns, filling.template) == (2, (10, 10, 10), 5)
    assert (filling.used, filling.answer_room, filling.free) == (37, 20, 43)


@pytest.mark.parametrize(("most", "room"), [(0, 25), (10, 10), (90, 25)])
def test_room_for_the_answer(most: int, room: int) -> None:
    assert context.answer_room(100, Sampling(max_tokens=most)) == room


def test_the_oldest_turns_go_first_with_room_to_spare() -> None:
    told = talk(6)
    filling = counted(told, 120)
    left_out = context.choose(told, filling, "drop_oldest")
    assert left_out == LeftOut(0, 6, 60)  # 55 tokens would go over a quarter of the room; turns are 20 each
    prompt = context.fitted(told, left_out).prompt
    assert [message["content"].split()[0] for message in prompt] == ["w3", "w3", "w4", "w4", "w5"]


def test_start_and_end_are_kept() -> None:
    told = talk(6, system="be kind")
    left_out = context.choose(told, counted(told, 120), "keep_ends")
    assert left_out is not None
    prompt = context.fitted(told, left_out).prompt
    assert [message["content"].split()[0] for message in prompt[:3]] == ["be", "w0", "w0"]
    assert prompt[-1]["content"].startswith("w5")
    assert left_out.first == 2


def test_a_summary_stands_in_the_system_prompt() -> None:
    fitted = context.fitted(talk(3, system="be kind"), LeftOut(0, 2, 20, "They counted."))
    assert fitted.prompt[0]["content"] == "be kind\n\nWhat was said before, in short:\nThey counted."
    assert fitted.prompt[1]["content"].startswith("w1")
    assert context.fitted(talk(2), LeftOut(0, 2, 20, "They counted.")).prompt[0]["role"] == "system"


def test_stop_leaves_nothing_out_and_one_question_cannot_be_shortened() -> None:
    assert context.choose(talk(6), counted(talk(6), 60), "stop") is None
    assert context.choose(talk(1), counted(talk(1), 8), "drop_oldest") is None


def test_what_was_left_out_stays_so_while_it_is_enough() -> None:
    told = talk(7)
    before = LeftOut(0, 6, 60)
    assert context.still_fits(counted(told, 120), before)
    assert not context.still_fits(counted(talk(12), 120), before)
    assert not context.still_fits(counted(talk(3), 120), before)  # of another branch


HOWS = st.sampled_from(["drop_oldest", "keep_ends", "summarise"])


@given(st.integers(1, 12), st.integers(1, 60), st.integers(20, 2000), HOWS)
def test_what_is_chosen_fits_and_is_whole_turns(turns: int, words: int, window: int, how: Any) -> None:
    told = talk(turns, words)
    filling = counted(told, window)
    left_out = context.choose(told, filling, how)
    if left_out is None:
        return
    assert left_out.tokens == sum(filling.turns[left_out.first : left_out.first + left_out.count])
    assert filling.used - left_out.tokens <= window - filling.answer_room
    kept = context.fitted(told, left_out).prompt
    assert len(kept) == len(told.messages) - left_out.count
    roles = [message["role"] for message in kept]
    assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert kept[-1]["content"] == told.messages[-1].content


def test_a_larger_window_and_what_it_costs() -> None:
    facts = replace(facts_of("Llama-3-8B"), format_id="gguf-q4_k_m")
    larger = context.enlargement(facts, LoadOptions(), 5000, 8 * 1024**3, 4096)
    assert larger is not None
    assert (larger.context_tokens, larger.fits) == (8192, True)
    assert larger.extra_bytes >= 4096 * 128 * 1024  # 32 layers, 8 heads of 128, keys and values, two bytes
    assert not replace(larger, fits=larger.extra_bytes <= 1).fits
    assert context.enlargement(facts, LoadOptions(), facts.trained_context + 1, 1 << 40, 4096) is None


@pytest.fixture
def session(tmp_path: Path, request: Any) -> Iterator[Session]:
    with Session(script(tmp_path, **request.param)) as session:
        yield session


def scripted(**values: Any):
    return pytest.mark.parametrize("session", [values], indirect=True)


def value_of(job: Any) -> Any:
    *_, last = job
    assert isinstance(last, Finished)
    return last.value


@scripted(context_tokens=120)
def test_the_gauge_counts_in_the_worker(session: Session) -> None:
    filling = value_of(Filled(session, talk(2, system="be kind"), Sampling()))
    assert (filling.window, filling.system, filling.turns) == (120, 2, (10, 10, 10))


@scripted(context_tokens=300, chunks=["They ", "counted."])
def test_the_model_itself_summarises(session: Session) -> None:
    told = talk(20)
    fitted: Fitted = value_of(
        Fitting(session, told, "summarise", Sampling(temperature=1.0, json_schema="{}", logprobs=3))
    )
    assert fitted.left_out is not None
    assert fitted.left_out.summary == "They counted."
    first, *others = [line["messages"][0]["content"] for line in recorded(session.checkpoint)]
    assert first.startswith("Summarise")
    assert "Person: w0" in first
    assert others  # it is longer than the window: part after part
    assert all("Summary so far: They counted." in other for other in others)
    told_all = " ".join([first, *others])
    assert all(f"w{number} " in told_all for number in range(fitted.left_out.count // 2))
    sampling = recorded(session.checkpoint)[0]["sampling"]
    assert (sampling["temperature"], sampling["json_schema"], sampling["logprobs"]) == (0.0, "", 0)


@scripted(context_tokens=120)
def test_what_fits_is_left_alone_and_what_does_not_is_said(session: Session) -> None:
    assert value_of(Fitting(session, talk(2), "drop_oldest", Sampling())).left_out is None
    assert value_of(Fitting(session, talk(9), "drop_oldest", Sampling())).left_out.count == 12
    with pytest.raises(ContextTooLong):
        list(Fitting(session, talk(9), "stop", Sampling()))


@scripted(turns=[{"chunks": ['"Counting ', 'words"\n']}, {"chunks": ["Sure! " * 30]}])
def test_a_title(session: Session) -> None:
    told = talk(1).with_message(Message("assistant", "one", ending="stop"))
    assert value_of(Titling(session, told)) == ("Counting words", "model")
    asked = recorded(session.checkpoint)[0]["messages"]
    assert asked[:-1] == told.prompt()  # what the KV cache has
    assert value_of(Titling(session, told))[1] == "words"


@pytest.mark.parametrize(
    ("title", "talk"),
    [
        ("I'm ready to help. What's next?", True),
        ("How can I help you?", True),
        ("Here's a possible title for the conversation", True),
        ("Fruit", False),
        ("A fine title", False),
        ("What you said of grapes", False),
        ("Repeat this list!", False),
        ("準備できました。", True),
    ],
)
def test_a_title_that_is_only_talk_is_none(title: str, talk: bool) -> None:
    told = Conversation().asking("Repeat this list: apples and grapes.")
    assert is_talk(title, told.with_message(Message("assistant", "Apples, grapes."))) is talk


@pytest.mark.parametrize(
    ("text", "title"),
    [("**Title: Red foxes**", "Red foxes"), ("\n“Foxes”.", "Foxes"), ("word " * 9, ""), ("x" * 61, ""), ("", "")],
)
def test_a_models_title_is_cleaned(text: str, title: str) -> None:
    assert cleaned(text) == title


def test_first_words() -> None:
    assert first_words(Conversation().asking("How  do\nI?")) == "How do I?"
    assert first_words(Conversation().asking("word " * 40)).endswith("word…")
    assert len(first_words(Conversation().asking("x" * 400))) == 60
    assert first_words(Conversation()) == ""


def test_a_guess_is_not_too_small() -> None:
    assert guessed_tokens("four words are here") >= 4
    assert guessed_tokens("") == 0


def test_a_larger_window_is_offered_from_the_models_own_file(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")  # trained on 512 tokens
    offer = offered_enlargement(path, LoadOptions(), 300, 256, on_gpu=False)
    assert offer is not None
    assert (offer.context_tokens, offer.fits) == (512, True)
    assert offer.extra_bytes > 0
    assert offered_enlargement(path, LoadOptions(), 600, 512, on_gpu=False) is None
    assert offered_enlargement(tmp_path / "none.server.json", LoadOptions(), 600, 512, on_gpu=False) is None


def test_each_way_to_keep_the_context_has_its_cost(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf")
    costs = {(cost.cache_type, cost.flash_attention): cost.bytes for cost in cache_costs(path, LoadOptions())}
    assert costs["f32", True] > costs["f16", True] == costs["bf16", True]
    assert costs["f16", False] > costs["f16", True]
    assert ("q8_0", False) not in costs  # llama.cpp refuses it
    assert cache_costs(tmp_path / "none.server.json", LoadOptions()) == ()
