"""The chat page in a window, with the scripted back end in its own process, as in the app."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from desktop.jobs import Jobs
from desktop.pages.chat import ChatPage
from desktop.theme.theme import Theme
from engine.settings import DEFAULTS
from tests.helpers.hands import press
from tests.helpers.scripts import script


@pytest.fixture(autouse=True)
def no_qt_warnings(qtlog):
    """Fail a test in which Qt complains; that a window has no size hints is the offscreen platform's own."""
    yield
    told = [record.message for record in qtlog.records if "propagateSizeHints" not in record.message]
    assert told == []


@pytest.fixture
def theme(qapp):
    before = qapp.palette(), qapp.styleSheet(), qapp.font()
    yield Theme(qapp, "light")
    qapp.setPalette(before[0])
    qapp.setStyleSheet(before[1])
    qapp.setFont(before[2])


@pytest.fixture
def page(qtbot, theme):
    jobs = Jobs()
    page = ChatPage(jobs, DEFAULTS)
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    yield page
    page.close_room()
    assert jobs.close(), "something still runs"


@pytest.fixture
def talk(page, qtbot, tmp_path):
    return Talk(page, qtbot, tmp_path)


class Talk:
    """A person at the page: types, presses keys, and reads what is there."""

    def __init__(self, page, qtbot, folder):
        self.page = page
        self._qtbot = qtbot
        self._folder = folder
        self.model = None

    def load(self, name="model", loaded=True, **values):
        """Load a scripted model, and wait until that has ended."""
        self.model = script(self._folder, name, **values)
        self.page.choose(self.model.path)
        if loaded:
            self.until(lambda: self.page.room.state != "loading")

    def ask(self, question, ended=True):
        field = self.page.composer.field
        self._qtbot.keyClicks(field, question)
        self._qtbot.keyClick(field, Qt.Key.Key_Return)
        if ended:
            self.until_ended()

    def press(self, key, modifier=Qt.KeyboardModifier.NoModifier):
        self._qtbot.keyClick(self.page.composer.field, key, modifier)

    def click(self, button):
        press(button)

    def choose(self, fault, words):
        """Press the button of a fault."""
        press(next(button for button in fault.findChildren(QPushButton) if button.text() == words))

    def until(self, condition, limit_ms=15000):
        self._qtbot.waitUntil(condition, timeout=limit_ms)

    def until_ended(self):
        """Wait until the answer has ended and all of it is drawn."""
        self.until(lambda: self.page.room.state == "ready")
        self.until(lambda: not self.page.answer.view.is_behind)

    @property
    def answer(self):
        return self.page.answer.view.toPlainText()

    @property
    def footer(self):
        return self.page.answer.words.text()


@pytest.fixture
def clipboard():
    board = QGuiApplication.clipboard()
    board.clear()
    return board
