"""The parts of the page by themselves: what scrolls, what opens, what is asked before."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from desktop.jobs import Jobs
from desktop.widgets.chat.link_dialog import LinkDialog
from desktop.widgets.chat.markdown_view import MarkdownView
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.question import Question
from desktop.widgets.chat.transcript import Transcript
from desktop.widgets.chat.welcome import Welcome
from engine.chat.conversation import Message
from tests.helpers.hands import press


@pytest.fixture
def transcript(qtbot, theme):
    transcript = Transcript(lambda message: Question(message.content))
    qtbot.addWidget(transcript)
    transcript.resize(500, 300)
    transcript.show()
    return transcript


def fill(transcript, qtbot, count=10):
    for number in range(count):
        text = f"question {number}\n" * 3
        transcript.add(Question(text), Message("user", text))
    bar = transcript.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    return bar


def wheel(widget, notches):
    """Turn the wheel over the middle of a widget, as the window gets it."""
    window = widget.window()
    at = widget.mapTo(window, widget.rect().center())
    QTest.wheelEvent(window.windowHandle(), QPointF(at), QPoint(0, 120 * notches))


def test_it_follows_the_end_until_the_reader_scrolls_away(transcript, qtbot):
    bar = fill(transcript, qtbot)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    assert not transcript.latest.isVisible()
    wheel(transcript.views[-1].view.viewport(), 3)
    place = bar.value()
    assert place < bar.maximum()
    before = bar.maximum()
    transcript.add(Question("more\n" * 5), Message("user", "more\n" * 5))
    qtbot.waitUntil(lambda: bar.maximum() > before)
    assert bar.value() == place
    press(transcript.latest)
    assert bar.value() == bar.maximum()
    assert not transcript.latest.isVisible()


def test_a_page_can_be_turned(transcript, qtbot):
    bar = fill(transcript, qtbot)
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    transcript.turn_page(-1)
    assert bar.maximum() - 300 <= bar.value() < bar.maximum()


def test_a_message_is_as_high_as_its_text(qtbot, theme):
    view = MarkdownView(Press(Jobs()), "Answer")
    qtbot.addWidget(view)
    view.resize(400, 10)
    view.show()
    view.show_text("one")
    low = view.height()
    view.show_text("one two three " * 100)
    high = view.height()
    view.resize(800, high)
    qtbot.waitUntil(lambda: low < view.height() < high)
    assert view.verticalScrollBar().maximum() == 0


def test_nothing_is_ever_loaded(qtbot, theme):
    view = MarkdownView(Press(Jobs()), "Answer")
    qtbot.addWidget(view)
    for kind in QTextDocument.ResourceType:
        assert view.loadResource(kind.value, QUrl("https://example.org/x.png")) is None


def test_a_link_is_opened_only_after_its_address_was_shown(talk, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    talk.load(chunks=["[here](https://example.org/a)"])
    talk.ask("link")
    view = talk.page.answer.view
    spot = view.cursorRect(view.textCursor()).center() - QPoint(8, 0)
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    dialog = talk.page.findChild(LinkDialog)
    assert opened == []
    assert dialog.address == "https://example.org/a"
    press(dialog.go)
    assert opened == ["https://example.org/a"]


def test_a_link_to_a_program_can_only_be_copied(qtbot, theme):
    dialog = LinkDialog("steam://run/1")
    qtbot.addWidget(dialog)
    dialog.show()
    shown = [button.text() for button in dialog.findChildren(QPushButton) if button.isVisible()]
    assert shown == ["Stay here", "Copy address"]


def test_the_welcome_is_not_cut_off_where_there_is_little_height(qtbot):
    welcome = Welcome()
    qtbot.addWidget(welcome)
    texts = welcome._state.heading, welcome._state.sentence
    for height, has_icon in ((600, True), (300, False)):
        welcome.resize(560, height)
        welcome.show()
        qtbot.waitUntil(lambda shown=has_icon: welcome._state._icon.isVisible() is shown)
        assert all(text.height() >= text.heightForWidth(text.width()) for text in texts)
