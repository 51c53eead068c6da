from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from desktop.pages.library import LibraryPage
from desktop.widgets.confirm_dialog import ConfirmDialog
from tests.helpers.hands import press
from tests.helpers.values import ENTRIES, ORIGINAL, STARTER


@pytest.fixture
def page(qtbot):
    page = LibraryPage(Path("/models"))
    qtbot.addWidget(page)
    page.show()
    return page


def test_an_empty_library_says_what_to_do(page):
    assert page.empty.isVisible() and not page.table.isVisible()
    assert "Drop a model" in page.empty.sentence.text()


def test_the_first_model_is_selected(page):
    page.show_entries(ENTRIES)
    assert page.table.entry is STARTER
    assert not page.empty.isVisible()


def test_buttons_follow_the_selection(page):
    page.show_entries(ENTRIES)
    states = []
    for row in range(3):
        page.table.selectRow(row)
        states.append([b.isEnabled() for b in (page.chat, page.fits, page.convert, page.delete)])
    assert states == [[True, True, False, True], [False, True, True, True], [False, False, False, True]]


@pytest.mark.parametrize(
    ("button", "signal", "entry"),
    [
        ("chat", "chat_wanted", STARTER),
        ("fits", "suggestion_wanted", STARTER),
        ("convert", "convert_wanted", ORIGINAL),
    ],
)
def test_wishes_carry_the_path(page, qtbot, button, signal, entry):
    page.show_entries(ENTRIES)
    page.table.selectRow(ENTRIES.index(entry))
    with qtbot.waitSignal(getattr(page, signal)) as wish:
        press(getattr(page, button))
    assert wish.args == [entry.checkpoint.path]


def test_enter_opens_the_model(page, qtbot):
    page.show_entries(ENTRIES)
    with qtbot.waitSignal(page.chat_wanted):
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    with qtbot.waitSignal(page.suggestion_wanted) as wish:
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert wish.args == [ORIGINAL.checkpoint.path]


def test_the_selection_survives_a_refresh(page):
    page.show_entries(ENTRIES)
    page.table.selectRow(1)
    page.show_entries((ORIGINAL, STARTER))
    assert page.table.entry is ORIGINAL


def _ask_to_delete(page, qtbot) -> ConfirmDialog:
    page.show_entries(ENTRIES)
    press(page.delete)
    (dialog,) = page.findChildren(ConfirmDialog)
    return dialog


def test_deleting_is_confirmed(page, qtbot):
    dialog = _ask_to_delete(page, qtbot)
    with qtbot.waitSignal(page.delete_wanted) as wish:
        press(dialog.deed)
    assert wish.args == [STARTER.checkpoint]


def test_enter_in_the_question_keeps_the_model(page, qtbot):
    dialog = _ask_to_delete(page, qtbot)
    with qtbot.assertNotEmitted(page.delete_wanted, wait=50):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    assert not page.findChildren(ConfirmDialog)


@pytest.mark.parametrize(("name", "taken"), [("m.gguf", True), ("folder", True), ("notes.txt", False)])
def test_models_are_dropped(page, qtbot, tmp_path, name, taken):
    path = tmp_path / name
    path.touch() if path.suffix else path.mkdir()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    heard = []
    page.suggestion_wanted.connect(heard.append)
    how = QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter, drop = QDragEnterEvent(*how), QDropEvent(*how)
    QApplication.sendEvent(page.drop, enter)
    QApplication.sendEvent(page.drop, drop)
    assert enter.isAccepted() == taken
    assert heard == ([path] if taken else [])
