"""What a person does in a conversation, over a real worker with the scripted back end and a real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.chat.asking import Asked, Asker
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.errors import Cancelled, ContextTooLong, Refused, WorkerCrashed
from engine.events import Token
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.helpers.chats import texts
from tests.helpers.scripts import recorded, script


@pytest.fixture
def asker(tmp_path: Path, request: Any) -> Iterator[Asker]:
    checkpoint = script(tmp_path, **request.param)
    with Session(checkpoint, LoadOptions(threads=1)) as session, History(tmp_path / "c.sqlite3") as history:
        yield Asker(history, session, Sampling(seed=3))


def scripted(**values: Any):
    return pytest.mark.parametrize("asker", [values], indirect=True)


def begin(asker: Asker) -> Tree:
    entry, _ = asker.history.new("Be kind.")
    return Tree(entry.id, entry.system_prompt)


def run(asker: Asker, asked: Asked) -> Tree:
    """Run a turn to its end, and see that the store has the same tree."""
    list(asked.turn)
    assert_stored(asker, asked.ended())
    return asked.ended()


def assert_stored(asker: Asker, tree: Tree) -> None:
    stored = asker.history.tree(tree.conversation_id)
    assert stored.nodes == tree.nodes
    assert texts(stored) == texts(tree)


@scripted(turns=[{"chunks": [{"thinking": "hm"}, "one"]}, {"chunks": ["two"]}, {"chunks": ["three"]}])
def test_a_conversation_with_edits_and_second_answers(asker: Asker) -> None:
    tree = run(asker, asker.ask(begin(asker), "q1"))
    answer = tree.branch[1]
    assert answer.message.origin is not None
    assert (answer.message.origin.model, answer.message.origin.loading["threads"]) == ("model", 1)
    assert answer.message.origin.sampling["seed"] == 3
    assert answer.message.thinking_s is not None
    tree = run(asker, asker.answer_again(tree, answer.id))
    assert texts(tree) == ["q1", "two"]
    assert len(tree.siblings(answer.id)) == 2
    tree = run(asker, asker.edit(tree, tree.branch[0].id, "q1 better"))
    assert texts(tree) == ["q1 better", "three"]
    assert texts(tree.showing(answer.id)) == ["q1", "one"]
    asked = [[message["content"] for message in line["messages"]] for line in recorded(asker.session.checkpoint)]
    assert asked == [["Be kind.", "q1"], ["Be kind.", "q1"], ["Be kind.", "q1 better"]]


@scripted(turns=[{"chunks": ["one"], "finish_reason": "length"}, {"chunks": [" two"]}])
def test_an_answer_goes_on_in_its_place(asker: Asker) -> None:
    tree = run(asker, asker.ask(begin(asker), "count"))
    tree = run(asker, asker.go_on(tree, tree.branch[1].id))
    assert texts(tree) == ["count", "one two"]
    assert len(tree.nodes) == 2
    assert recorded(asker.session.checkpoint)[1]["continue_last"] is True
    with pytest.raises(Refused):
        asker.go_on(tree, tree.branch[0].id)


@scripted(chunks=["a", "b", "c"], tokens_per_s=20)
def test_a_stopped_answer_keeps_what_was_said(asker: Asker) -> None:
    asked = asker.ask(begin(asker), "hi")
    with pytest.raises(Cancelled):
        for event in asked.turn:
            if isinstance(event, Token):
                asked.turn.cancel()
    assert asked.ended().branch[1].message.ending == "cancelled"
    assert_stored(asker, asked.ended())


@scripted(chunks=["a", "b"], turns=[{"fail": "crash", "after": 1}, {}])
def test_a_crash_keeps_what_was_said(asker: Asker) -> None:
    asked = asker.ask(begin(asker), "hi")
    with pytest.raises(WorkerCrashed):
        list(asked.turn)
    assert asked.ended().branch[1].message.ending == "failed"
    assert_stored(asker, asked.ended())


@scripted(context_tokens=60, chunks=["one two three four five six seven eight nine ten"])
def test_what_was_left_out_is_remembered(asker: Asker) -> None:
    asker, tree = replace(asker, when_full="drop_oldest"), begin(asker)
    for number in range(6):
        tree = run(asker, asker.ask(tree, f"question {number} " * 4))
    *_, question, answer = tree.branch
    left_out = answer.message.left_out
    assert left_out is not None
    assert left_out.first == 0
    shown = recorded(asker.session.checkpoint)[-1]["messages"]
    assert [message["content"] for message in shown[-1:]] == [question.message.content]
    assert len(shown) == 1 + 11 - left_out.count  # the system prompt stays
    run(asker, asker.go_on(tree, answer.id))
    again = recorded(asker.session.checkpoint)[-1]["messages"]
    assert again[: len(shown)] == shown  # what is continued was shown the same


@scripted(context_tokens=60, chunks=["one two three four five six seven eight nine ten"])
def test_without_a_choice_nothing_is_left_out(asker: Asker) -> None:
    tree = begin(asker)
    with pytest.raises(ContextTooLong):
        for number in range(6):
            tree = run(asker, asker.ask(tree, f"question {number} " * 4))
