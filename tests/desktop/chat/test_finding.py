"""Ctrl+F: the messages that hold the words, from the newest back, with the words marked."""

from __future__ import annotations

from PySide6.QtCore import Qt

from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from tests.helpers.chats import line


def shown(page, qtbot):
    said = [f"{'needle' if at in (3, 40, 90) else 'hay'} {at}" for at in range(100)]
    page.show_conversation(Entry(1), Tree(1, nodes=tuple(line(*said))))
    qtbot.keyClick(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert page.finder.field.hasFocus()
    qtbot.keyClicks(page.finder.field, "Needle")
    qtbot.waitUntil(lambda: page.finder.words.text() == "3 of 3")
    return said


def marked(page, index):
    view = page.transcript.view(index)
    return [mark.cursor.selectedText() for mark in view.view.extraSelections()] if view else []


def test_it_goes_from_message_to_message(page, qtbot):
    shown(page, qtbot)
    assert marked(page, 90) == ["needle"]
    qtbot.keyClick(page.finder.field, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert page.finder.words.text() == "2 of 3"
    assert marked(page, 40) == ["needle"]
    view = page.transcript.view(40)
    assert page.transcript.viewport().rect().contains(view.mapTo(page.transcript.viewport(), view.rect().center()))
    qtbot.keyClick(page.finder.field, Qt.Key.Key_Return)
    qtbot.keyClick(page.finder.field, Qt.Key.Key_Return)
    assert page.finder.words.text() == "1 of 3"


def test_escape_closes_it_and_takes_the_marks_away(page, qtbot):
    shown(page, qtbot)
    qtbot.keyClick(page.finder.field, Qt.Key.Key_Escape)
    assert not page.finder.isVisible()
    assert marked(page, 90) == []
    assert page.composer.field.hasFocus()


def test_what_is_not_there_is_said(page, qtbot):
    shown(page, qtbot)
    qtbot.keyClicks(page.finder.field, "xyz")
    qtbot.waitUntil(lambda: page.finder.words.text() == "Not found")
