"""A turn over the real worker process, with the scripted back end."""

from pathlib import Path
from typing import Any

import pytest

from engine.chat.conversation import Conversation
from engine.chat.turn import Turn
from engine.errors import Cancelled, WorkerCrashed
from engine.events import Finished, Token
from engine.runtime.options import Sampling
from engine.runtime.session import Session
from tests.helpers.scripts import recorded, script


@pytest.fixture
def session(tmp_path: Path, request: Any):
    with Session(script(tmp_path, **request.param)) as session:
        yield session


def scripted(**values: Any):
    return pytest.mark.parametrize("session", [values], indirect=True)


@scripted(turns=[{"chunks": [{"thinking": "hm"}, "Hel", "lo"]}, {"chunks": ["Yes"]}])
def test_two_turns_make_a_conversation(session):
    *_, last = Turn(session, Conversation(system_prompt="Be kind."), "hi")
    assert isinstance(last, Finished)
    answer = last.value.last_answer
    assert (answer.content, answer.thinking, answer.ending) == ("Hello", "hm", "stop")
    assert answer.usage.answer_tokens == 3
    *_, last = Turn(session, last.value, "sure?")
    assert [message.content for message in last.value.messages] == ["hi", "Hello", "sure?", "Yes"]
    assert recorded(session.checkpoint)[1]["messages"][0] == {"role": "system", "content": "Be kind."}


@scripted(chunks=["a", "b", "c"], tokens_per_s=20)
def test_a_cancelled_turn_keeps_what_was_said(session):
    turn = Turn(session, Conversation(), "hi")
    with pytest.raises(Cancelled):
        for event in turn:
            if isinstance(event, Token):
                turn.cancel()
    answer = turn.conversation.last_answer
    assert answer is not None
    assert answer.ending == "cancelled"
    assert answer.content.startswith("a")


@scripted(chunks=["a", "b"], turns=[{"fail": "crash", "after": 1}, {}])
def test_after_a_crash_the_conversation_goes_on(session):
    turn = Turn(session, Conversation(), "hi")
    with pytest.raises(WorkerCrashed):
        list(turn)
    answer = turn.conversation.last_answer
    assert answer is not None
    assert (answer.content, answer.ending, answer.usage) == ("a", "failed", None)
    *_, last = Turn(session, turn.conversation, "again")
    assert [message.content for message in last.value.messages] == ["hi", "a", "again", "ab"]


@scripted(turns=[{"chunks": ["one"]}, {"chunks": [" two"]}])
def test_an_answer_that_breaks_off_is_continued(session):
    *_, first = Turn(session, Conversation(), "count", Sampling(max_tokens=1))
    *_, last = Turn(session, first.value)
    assert [message.content for message in last.value.messages] == ["count", "one two"]
    assert recorded(session.checkpoint)[1]["continue_last"] is True


@scripted(turns=[{"chunks": ["bad"]}, {"chunks": ["good"]}])
def test_a_question_is_answered_again(session):
    *_, first = Turn(session, Conversation(), "hi")
    *_, last = Turn(session, first.value.before(1))
    assert [message.content for message in last.value.messages] == ["hi", "good"]
    assert recorded(session.checkpoint)[1]["messages"] == [{"role": "user", "content": "hi"}]
