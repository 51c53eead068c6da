"""Ctrl+F: the messages that hold the words, from the newest back, with the words marked."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt

from desktop.widgets.chat.conversation_view import nearby
from engine.chat.history.rows import Entry
from engine.chat.history.search import Snippet
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


def test_a_snippet_begins_near_what_was_found():
    text = "one two three four five six\nseven eight nine found ten"
    shown, ((start, end),) = nearby(Snippet(text, ((text.index("found"), text.index("found") + 5),)))
    assert shown == "…five six seven eight nine found ten"
    assert shown[start:end] == "found"
    assert nearby(Snippet("a found", ((2, 7),))) == ("a found", [(2, 7)])
    assert nearby(Snippet("x" * 60 + "found", ((60, 65),))) == ("…found", [(1, 6)])


def test_words_that_a_search_found_are_marked_and_seen(page, qtbot):
    long = "\n\n".join(["filler"] * 80)
    nodes = line("q", f"{long}\n\nthe Needle is here\n\n{long}", "q", "x")
    nodes[3] = replace(nodes[3], message=replace(nodes[3].message, thinking="a **needle** in thoughts"))
    page.show_conversation(Entry(1), Tree(1, nodes=tuple(nodes)), nodes[1].id)
    view = page.transcript.view_of(nodes[1].id)
    page.finding.show_hit(view, ("Needle",))
    (mark,) = view.view.extraSelections()
    assert mark.cursor.selectedText() == "Needle"
    seen = view.view.mapTo(page.transcript.viewport(), view.view.cursorRect(mark.cursor).center())
    assert page.transcript.viewport().rect().contains(seen)
    page.show_message(nodes[3].id)
    other = page.transcript.view_of(nodes[3].id)
    page.finding.show_hit(other, ("needle",))
    assert view.view.extraSelections() == []
    assert other.thinking.is_open
    assert [mark.cursor.selectedText() for mark in other.thinking.view.extraSelections()] == ["needle"]
