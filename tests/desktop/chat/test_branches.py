"""Edit a question, answer again, go on with an answer, and go from version to version."""

from __future__ import annotations

from PySide6.QtCore import Qt

from tests.helpers.scripts import recorded


def said(talk):
    return [message.content for message in talk.page.room.conversation.messages]


def two_turns(talk, *more):
    talk.load(turns=[{"chunks": ["one"]}, {"chunks": ["two"]}, *more])
    talk.ask("first")
    talk.ask("second")


def test_an_edited_question_is_another_branch_and_the_old_one_stays(talk, qtbot):
    two_turns(talk, {"chunks": ["three"]})
    question = talk.page.transcript.views[0]
    talk.click(question.edit)
    assert question.editor.field.hasFocus()
    qtbot.keyClicks(question.editor.field, "edited")
    qtbot.keyClick(question.editor.field, Qt.Key.Key_Return)
    talk.until_ended()
    assert said(talk) == ["edited", "three"]
    assert len(talk.page.transcript) == 2
    assert [message["content"] for message in recorded(talk.model)[-1]["messages"]] == ["edited"]
    versions = talk.page.transcript.view(0).versions
    assert versions.words.text() == "2/2"
    talk.click(versions.before)
    assert said(talk) == ["first", "one", "second", "two"]
    assert len(talk.page.transcript) == 4
    assert talk.page.transcript.view(0).versions.after.hasFocus()


def test_editing_can_be_left(talk, qtbot):
    two_turns(talk)
    question = talk.page.transcript.views[2]
    talk.click(question.edit)
    qtbot.keyClick(question.editor.field, Qt.Key.Key_Escape)
    assert question.editor is None
    assert question.view.isVisible()
    assert said(talk) == ["first", "one", "second", "two"]


def test_an_earlier_answer_is_given_again(talk):
    two_turns(talk, {"chunks": ["uno"]})
    talk.click(talk.page.transcript.view(1).again)
    talk.until_ended()
    assert said(talk) == ["first", "uno"]
    assert talk.answer == "uno"
    assert talk.page.answer.versions.words.text() == "2/2"


def test_an_answer_that_broke_off_goes_on_in_its_place(talk):
    talk.load(turns=[{"chunks": ["Begun", "never"], "fail": "stall", "after": 1}, {"chunks": [" and ended."]}])
    talk.ask("first", ended=False)
    talk.until(lambda: "Begun" in talk.answer)
    talk.press(Qt.Key.Key_Escape)
    talk.until_ended()
    talk.click(talk.page.answer.more)
    talk.until_ended()
    assert said(talk) == ["first", "Begun and ended."]
    assert talk.answer == "Begun and ended."
    assert recorded(talk.model)[-1]["continue_last"] is True
    assert not talk.page.answer.more.isVisible()


def test_nothing_can_be_asked_anew_while_an_answer_comes(talk):
    talk.load(turns=[{"chunks": ["one"]}, {"chunks": ["two", "never"], "fail": "stall", "after": 1}])
    talk.ask("first")
    talk.ask("second", ended=False)
    talk.until(lambda: "two" in talk.answer)
    assert not talk.page.transcript.views[0].edit.isVisible()
    assert not talk.page.transcript.views[1].again.isVisible()
    talk.press(Qt.Key.Key_Escape)
    talk.until_ended()
    assert talk.page.transcript.views[0].edit.isVisible()
