import pytest

from engine.chat.conversation import Conversation, Message


def test_a_prompt_has_the_system_prompt_first_and_the_thinking_apart():
    conversation = Conversation((Message("user", "q"), Message("assistant", "a", "t")), "Be kind.")
    assert conversation.prompt() == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "thinking": "t"},
    ]


def test_questions_around_an_answer_that_never_began_become_one():
    lost = Message("assistant", "", ending="failed")
    conversation = Conversation((Message("user", "one"), lost)).asking("two")
    assert conversation.prompt() == [{"role": "user", "content": "one\n\ntwo"}]
    assert conversation.messages[1] == lost  # the conversation itself keeps it


def test_values_do_not_change():
    first = Conversation().asking("one")
    first.asking("two")
    assert [message.content for message in first.messages] == ["one"]


def test_before_takes_everything_up_to_a_message():
    conversation = Conversation().asking("one").with_message(Message("assistant", "a")).asking("two")
    assert conversation.before(2).last_answer == Message("assistant", "a")
    assert conversation.last_answer is None


@pytest.mark.parametrize(("ending", "complete"), [("stop", True), ("length", False), ("cancelled", False)])
def test_an_answer_knows_whether_it_is_complete(ending, complete):
    assert Message("assistant", "a", ending=ending).complete is complete
