"""The composer: what is written is sent when it can be, and never lost."""

from __future__ import annotations

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.widgets.chat.composer import Composer


def while_loading(qtbot: QtBot) -> tuple[Composer, list[str]]:
    """Return a composer whose model is being loaded, and what it has asked."""
    composer = Composer()
    qtbot.addWidget(composer)
    asked: list[str] = []
    composer.asked.connect(asked.append)
    composer.set_obstacle("The model is being loaded…", passes=True)
    return composer, asked


def test_what_is_sent_while_the_model_loads_is_asked_when_it_is_there(qtbot: QtBot) -> None:
    composer, asked = while_loading(qtbot)
    qtbot.keyClicks(composer.field, "Hello")
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    assert asked == []
    assert "as soon as" in composer.hint.text()
    composer.set_obstacle("")
    assert asked == ["Hello"]
    assert composer.field.toPlainText() == ""


def test_writing_on_takes_the_wait_back(qtbot: QtBot) -> None:
    composer, asked = while_loading(qtbot)
    qtbot.keyClicks(composer.field, "Hello")
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    qtbot.keyClicks(composer.field, " again")
    composer.set_obstacle("")
    assert asked == []
    assert composer.field.toPlainText() == "Hello again"


def test_a_failed_load_keeps_what_was_written(qtbot: QtBot) -> None:
    composer, asked = while_loading(qtbot)
    qtbot.keyClicks(composer.field, "Hello")
    qtbot.keyClick(composer.field, Qt.Key.Key_Return)
    composer.set_obstacle("Choose a model first")
    assert asked == []
    assert composer.field.toPlainText() == "Hello"
    assert not composer.deed.isEnabled()


def test_the_hint_makes_room_for_the_gauge_and_what_is_in_the_way_does_not(qtbot, theme):
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(500, 120)
    composer.show()
    assert composer.hint.text().startswith("Enter sends")
    composer.gauge.show_use(100_000, 131_072)
    qtbot.waitUntil(lambda: composer.hint.text() == "")
    composer.set_obstacle("The model is being loaded…", passes=True)
    assert composer.hint.text() == "The model is being loaded…"
    composer.set_obstacle("")
    composer.resize(900, 120)
    assert composer.hint.text().startswith("Enter sends")
    assert composer.hint.height() < 2 * composer.hint.fontMetrics().lineSpacing() + 10
