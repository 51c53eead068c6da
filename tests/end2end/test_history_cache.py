"""The KV cache over restarts and over conversations, with the real starter model in its real worker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.chat.asking import Asker, cache_key
from engine.chat.conversation import Conversation, Message
from engine.chat.fitting import Filled, Titling
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.events import Finished, PromptRead, Token
from engine.runtime import kept_prompts
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session

OPTIONS = LoadOptions(context_tokens=1024, threads=1)
GREEDY = Sampling(temperature=0.0, max_tokens=12)
LONG = "Here is a list of animals: " + ", ".join(f"animal number {number}" for number in range(20)) + ". Name one."


@pytest.fixture
def session(starter: Checkpoint) -> Iterator[Session]:
    with Session(starter, OPTIONS) as session:
        yield session


def ask(session: Session, conversation: Conversation, key: str = "") -> tuple[PromptRead, str, Conversation]:
    """Answer; return what was read of the prompt, the answer, and the conversation with it."""
    events = list(session.generate(conversation.prompt(), GREEDY, kept_as=key))
    read = next(event for event in events if isinstance(event, PromptRead))
    text = "".join(event.text for event in events if isinstance(event, Token))
    return read, text, conversation.with_message(Message("assistant", text, ending="stop"))


def value_of(job: Any) -> Any:
    *_, last = job
    assert isinstance(last, Finished)
    return last.value


def test_after_a_restart_only_the_new_question_is_read(starter: Checkpoint) -> None:
    with Session(starter, OPTIONS) as first:
        _, _, told = ask(first, Conversation().asking(LONG))
        next_question = told.asking("And another?")
        assert value_of(first.keep("talk"))
        warm, expected, _ = ask(first, next_question)
    with Session(starter, OPTIONS) as cold:
        read, _, _ = ask(cold, next_question)
        assert read.reused_tokens == 0
    with Session(starter, OPTIONS) as again:
        read, answer, _ = ask(again, next_question, "talk")
        assert read.reused_tokens == warm.reused_tokens > 100
        assert answer == expected


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "record"])
def test_a_damaged_cache_is_deleted_and_not_used(session: Session, starter: Checkpoint, damage: str) -> None:
    _, _, told = ask(session, Conversation().asking(LONG))
    assert value_of(session.keep("talk"))
    file = kept_prompts.file_for("talk")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    if damage == "gone":
        file.unlink()
    elif damage == "record":
        kept_prompts.sidecar(file).write_text("{")
    else:
        file.write_bytes(data if damage == "flip" else data[:-1000])
    with Session(starter, OPTIONS) as other:
        read, _, _ = ask(other, told.asking("And another?"), "talk")
    assert read.reused_tokens == 0
    assert not file.exists()


def test_a_cache_of_other_settings_is_not_used(session: Session, starter: Checkpoint) -> None:
    _, _, told = ask(session, Conversation().asking(LONG))
    assert value_of(session.keep("talk"))
    with Session(starter, LoadOptions(context_tokens=1024, threads=1, cache_type="q8_0")) as other:
        read, _, _ = ask(other, told.asking("And another?"), "talk")
    assert read.reused_tokens == 0


def test_a_smaller_window_does_without(session: Session, starter: Checkpoint) -> None:
    ask(session, Conversation().asking(LONG * 3))
    assert value_of(session.keep("talk"))
    with Session(starter, LoadOptions(context_tokens=256, threads=1)) as other:
        read, _, _ = ask(other, Conversation().asking("Hi"), "talk")
    assert read.reused_tokens == 0


def test_two_conversations_in_turn_both_stay_in_memory(session: Session) -> None:
    _, _, one = ask(session, Conversation().asking(LONG))
    _, _, two = ask(session, Conversation().asking("Colours now. " + LONG))
    read, _, one = ask(session, one.asking("Go on."))
    assert read.prompt_tokens - read.reused_tokens < 30
    read, _, _ = ask(session, two.asking("Go on."))
    assert read.prompt_tokens - read.reused_tokens < 30


def test_another_conversation_between_does_not_change_an_answer(session: Session, starter: Checkpoint) -> None:
    _, _, told = ask(session, Conversation().asking(LONG))
    ask(session, Conversation().asking("Colours now. " + LONG))
    _, answer, _ = ask(session, told.asking("Go on."))
    with Session(starter, OPTIONS) as other:
        _, _, again = ask(other, Conversation().asking(LONG))
        assert again == told
        _, expected, _ = ask(other, told.asking("Go on."))
    assert answer == expected


def test_a_title_between_leaves_the_cache_as_useful_as_it_was(session: Session) -> None:
    _, _, told = ask(session, Conversation().asking(LONG))
    title, _ = value_of(Titling(session, told))
    assert title
    read, _, _ = ask(session, told.asking("Go on."))
    assert read.prompt_tokens - read.reused_tokens < 30


def test_the_gauge_counts_as_the_model_does(session: Session) -> None:
    told = Conversation((), "Be kind.").asking(LONG)
    filling = value_of(Filled(session, told, GREEDY))
    read, _, _ = ask(session, told)
    assert filling.used == read.prompt_tokens
    assert filling.template > 0


def test_the_whole_way_over_a_restart_of_the_app(starter: Checkpoint, tmp_path: Path) -> None:
    """Store and cache together: what the window does when a conversation is opened again on the next day."""
    file = tmp_path / "c.sqlite3"
    with History(file) as history, Session(starter, OPTIONS) as session:
        entry, _ = history.new()
        asked = Asker(history, session, GREEDY).ask(Tree(entry.id), LONG)
        list(asked.turn)
        assert value_of(session.keep(cache_key(entry.id)))
    with History(file) as history, Session(starter, OPTIONS) as session:
        asked = Asker(history, session, GREEDY).ask(history.tree(entry.id), "And another?")
        list(asked.turn)
        usage = asked.ended().branch[-1].message.usage
        assert usage is not None
        assert usage.prompt_tokens - usage.reused_tokens < 30
        kept_prompts.forget(cache_key(entry.id))
    assert list(kept_prompts.folder().iterdir()) == []


def test_the_oldest_goes_when_room_is_short(tmp_path: Path) -> None:
    for number, name in enumerate(("old", "new")):
        (tmp_path / f"{name}.kv").write_bytes(b"x" * 600)
        kept_prompts.sidecar(tmp_path / f"{name}.kv").write_text("{}")
        os.utime(tmp_path / f"{name}.kv", (1000 + number, 1000 + number))
    assert not kept_prompts.make_room(tmp_path / "next.kv", 2000, limit_bytes=1500)
    assert len(list(tmp_path.iterdir())) == 4
    assert kept_prompts.make_room(tmp_path / "next.kv", 600, limit_bytes=1500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.json", "new.kv"]
