"""A conversation of any length opens at once, and what the reader looks at stays where it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtTest import QTest

from desktop.jobs import Jobs
from desktop.widgets.chat.answer import Answer
from desktop.widgets.chat.heights import Heights
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.question import Question
from desktop.widgets.chat.transcript import Transcript
from engine.chat.conversation import Message
from tests.helpers.hands import press

LONG = "A paragraph that takes more than one line of the page, so that guesses at its height are wrong. " * 8


def messages(count):
    texts = ("one line", LONG, "# Title\n\n- a\n- b\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| c | d |")
    return [
        Message("assistant" if at % 2 else "user", f"{at}: {texts[at % 3]}", ending="stop" if at % 2 else "")
        for at in range(count)
    ]


@pytest.fixture
def transcript(qtbot, theme):
    jobs = Jobs()
    means = Press(jobs)
    made = []

    def make(message):
        made.append(message)
        if message.role == "user":
            return Question(message.content)
        answer = Answer(means)
        answer.show_message(message)
        return answer

    transcript = Transcript(make)
    transcript.made = made
    qtbot.addWidget(transcript)
    transcript.resize(700, 500)
    transcript.show()
    yield transcript
    qtbot.waitUntil(lambda: not jobs.running)
    assert jobs.close()


def place(transcript, index):
    """Return where on the screen a message begins."""
    return transcript.view(index).y() - transcript.verticalScrollBar().value()


def assert_no_overlap(transcript):
    for above, below in zip(transcript.views, transcript.views[1:], strict=False):
        assert above.geometry().bottom() < below.y()
        assert above.height() >= above.minimumSizeHint().height()


def test_only_what_is_near_the_screen_has_a_widget(transcript):
    transcript.show_messages(messages(2000))
    assert len(transcript) == 2000
    assert 3 <= len(transcript.views) < 30
    assert len(transcript.made) < 30
    bar = transcript.verticalScrollBar()
    assert bar.value() == bar.maximum()
    assert transcript.view(1999) is not None
    assert_no_overlap(transcript)


def test_scrolling_through_shows_everything_and_keeps_little(transcript):
    transcript.show_messages(messages(200))
    for _ in range(400):
        transcript.turn_page(-1)
        assert_no_overlap(transcript)
        assert len(transcript.views) < 60
    assert transcript.verticalScrollBar().value() == 0
    assert set(transcript.made) == set(messages(200))
    assert transcript.view(0).y() >= 0


def test_what_is_read_stays_in_its_place_when_things_above_turn_out_higher(transcript, qtbot):
    transcript.show_messages(messages(300))
    transcript.bring(150)
    QTest.qWait(50)
    before = place(transcript, 150)
    bar = transcript.verticalScrollBar()
    for _ in range(10):
        bar.setValue(bar.value() - 40)
        moved = place(transcript, 150)
        assert moved == pytest.approx(before + 40, abs=1)
        before = moved


def test_a_message_is_brought_to_the_top_from_anywhere(transcript):
    transcript.show_messages(messages(1000))
    for index in (3, 900, 500, 0):
        view = transcript.bring(index)
        assert view is transcript.view(index)
        assert 0 <= place(transcript, index) < 60
        assert transcript.latest.isVisible()
    press(transcript.latest)
    bar = transcript.verticalScrollBar()
    assert bar.value() == bar.maximum()


def test_another_width_keeps_the_place(transcript, qtbot):
    transcript.show_messages(messages(300))
    transcript.bring(100)
    transcript.resize(420, 500)
    qtbot.waitUntil(lambda: transcript.view(100) is not None and -60 < place(transcript, 100) < 120)
    assert_no_overlap(transcript)


def test_what_has_the_focus_keeps_its_widget(transcript, qtbot):
    transcript.show_messages(messages(300))
    view = transcript.bring(10)
    view.copy.setFocus()
    transcript.follow()
    assert transcript.view(10) is view
    transcript.setFocus()
    transcript.views[-1].copy.setFocus()
    transcript.turn_page(-1)
    assert transcript.view(10) is None


def test_a_message_that_grows_keeps_its_widget_until_it_has_ended(transcript, qtbot):
    transcript.show_messages(messages(300))
    answer = Question("still growing")
    transcript.add(answer)
    for message in messages(40):
        transcript.add(Question(message.content), message)
    transcript.bring(0)
    assert transcript.view(300) is answer
    transcript.settle(answer, Message("user", "still growing"))
    transcript.turn_page(1)
    assert transcript.view(300) is None


@given(st.lists(st.integers(0, 500), min_size=1, max_size=30), st.data())
def test_heights_are_sums(values, data):
    heights = Heights(7)
    heights.replace(values)
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(values) - 1))
        match data.draw(st.sampled_from(["set", "append", "remove", "look"])):
            case "set":
                values[at] = data.draw(st.integers(0, 500))
                heights.set(at, values[at])
            case "append":
                values.append(5)
                heights.append(5)
            case "remove" if len(values) > 1:
                del values[at]
                heights.remove(at)
            case _:
                assert heights.top(at) == sum(values[:at]) + 7 * at
    tops = [sum(values[:at]) + 7 * at for at in range(len(values))]
    assert [heights.top(at) for at in range(len(values))] == tops
    assert heights.total == tops[-1] + values[-1]
    for at, top in enumerate(tops):
        if values[at] or at == len(tops) - 1:
            assert heights.at(top + values[at] // 2) == at
