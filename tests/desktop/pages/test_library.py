from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from desktop.models.library_model import Entry
from desktop.pages.library import LibraryPage
from desktop.widgets.choice_dialog import ChoiceDialog
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.removal import Removal, Staying
from tests.helpers.hands import press, words_on
from tests.helpers.values import DAMAGED, ENTRIES, MACHINE, ORIGINAL, STARTER


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
    assert states == [[True, True, False, True], [True, True, True, True], [False, False, False, True]]


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
    with qtbot.waitSignal(page.chat_wanted) as wish:
        qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert wish.args == [ORIGINAL.checkpoint.path]
    page.table.selectRow(ENTRIES.index(DAMAGED))
    with qtbot.waitSignal(page.suggestion_wanted):
        qtbot.keyClick(page.table, Qt.Key.Key_Return)


def test_the_selection_survives_a_refresh(page):
    page.show_entries(ENTRIES)
    page.table.selectRow(1)
    page.show_entries((ORIGINAL, STARTER))
    assert page.table.entry is ORIGINAL


PLAN = Removal(
    STARTER.checkpoint,
    Path("/models"),
    (STARTER.checkpoint.path,),
    (Staying(Path("/models/mmproj.gguf"), "mmproj.gguf stays: Other uses it as well."),),
    98_362_432,
)


def _asked(page, plan=PLAN) -> ChoiceDialog:
    page.show_entries(ENTRIES)
    page.show_removal(plan)
    (dialog,) = page.findChildren(ChoiceDialog)
    return dialog


def test_deleting_is_asked_for_by_the_button_and_the_key(page, qtbot):
    page.show_entries(ENTRIES)
    page.activateWindow()
    with qtbot.waitSignal(page.delete_wanted) as wish:
        press(page.delete)
    assert wish.args == [STARTER.checkpoint]


def test_the_question_says_what_comes_back_and_what_stays(page, qtbot):
    dialog = _asked(page)
    assert "98.4 MB come back" in dialog.text.text()
    assert "mmproj.gguf stays" in dialog.text.text()
    with qtbot.waitSignal(page.removal_wanted) as wish:
        press(dialog.deeds[0])
    assert wish.args == [PLAN, False]


def test_for_good_is_a_choice_of_its_own(page, qtbot):
    with qtbot.waitSignal(page.removal_wanted) as wish:
        press(_asked(page).deeds[1])
    assert wish.args == [PLAN, True]


def test_without_a_trash_only_for_good_is_left(page, qtbot):
    dialog = _asked(page, dataclasses.replace(PLAN, why_no_trash="The disk at /x has no trash."))
    assert "has no trash" in dialog.text.text()
    (deed,) = dialog.deeds
    with qtbot.waitSignal(page.removal_wanted) as wish:
        press(deed)
    assert wish.args[1] is True


def test_enter_in_the_question_keeps_the_model(page, qtbot):
    dialog = _asked(page)
    with qtbot.assertNotEmitted(page.removal_wanted, wait=50):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not page.findChildren(ChoiceDialog))


OLLAMA = Checkpoint(
    Path("/o/blobs/sha256-0"),
    "Ollama/x:1b",
    "gguf-q8_0",
    5,
    {"files": {"sha256-0": {"sha256": "0" * 64}}},
    owners=("Ollama",),
    label="x:1b",
)


def test_models_of_others_are_used_and_not_deleted(page, qtbot):
    page.show_entries((Entry(OLLAMA, 0), STARTER))
    page.filter.place.setCurrentText("Ollama")
    assert [entry.checkpoint for entry in page.entries.rows] == [OLLAMA]
    assert page.filter.count.text() == "1 of 2 models"
    assert not page.delete.isEnabled() and "Ollama" in page.delete.toolTip()
    assert page.chat.isEnabled() and page.copy.isVisible()
    with qtbot.waitSignal(page.verify_wanted):
        press(page.verify)


def test_without_hashes_a_fingerprint_is_offered(page, qtbot):
    page.show_entries((ORIGINAL,))
    assert page.verify.text() == "Note its fingerprint"
    with qtbot.waitSignal(page.fingerprint_wanted):
        press(page.verify)


def test_a_damaged_model_that_was_fetched_can_be_repaired(page, qtbot):
    record = {"source": {"repository": "a/b", "commit": "0"}, "files": {"m.gguf": {"sha256": "0"}}}
    broken = Checkpoint(Path("/models/a/b/m.gguf"), "a/b/m.gguf", "damaged", 1, record, problem="It is cut off.")
    page.show_entries((Entry(broken, 0),))
    assert "It is cut off." in words_on(page.details)
    with qtbot.waitSignal(page.repair_wanted) as wish:
        press(page.repair)
    assert wish.args == [broken]
    page.show_entries(ENTRIES)
    assert not page.repair.isVisible()


def test_details_follow_the_selection(page):
    page.show_entries(ENTRIES)
    words = words_on(page.details)
    assert str(STARTER.checkpoint.path) in words and "cannot be verified" in words
    page.table.selectRow(1)
    assert "/models/meta-llama" in words_on(page.details)


def test_a_click_on_a_head_sorts_and_keeps_the_selection(page):
    page.show_entries(ENTRIES)
    page.table.selectRow(0)
    before = page.table.entry
    page.table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert page.table.entry is before
    assert page.entries.rows[0] is ORIGINAL


def test_nothing_passes_the_filter(page):
    page.show_entries(ENTRIES)
    page.filter.words.setText("nothing like it")
    assert page.table.entry is None
    assert not page.chat.isEnabled() and not page.delete.isEnabled()
    page.filter.words.clear()
    assert page.entries.rowCount() == 3


def test_many_rows_are_shown_at_once(page):
    many = [Entry(dataclasses.replace(STARTER.checkpoint, name=f"a/b/{n}.gguf"), n) for n in range(500)]
    started = time.monotonic()
    page.show_entries(many)
    assert time.monotonic() - started < 2
    assert page.filter.count.text() == "500 models"


@pytest.mark.parametrize(("name", "taken"), [("m.gguf", True), ("folder", True), ("notes.txt", False)])
def test_models_are_dropped(page, qtbot, tmp_path, name, taken):
    path = tmp_path / name
    path.touch() if path.suffix else path.mkdir()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    heard = []
    page.add_wanted.connect(heard.append)
    how = QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter, drop = QDragEnterEvent(*how), QDropEvent(*how)
    QApplication.sendEvent(page.drop, enter)
    QApplication.sendEvent(page.drop, drop)
    assert enter.isAccepted() == taken
    assert heard == ([path] if taken else [])


def test_of_many_rows_only_some_are_shown_and_the_rest_is_scrolled_to(page, qtbot):
    page.show_entries(ENTRIES)
    few = page.table.height()
    many = [Entry(dataclasses.replace(STARTER.checkpoint, name=f"a/b/{n}.gguf"), n) for n in range(60)]
    page.show_entries(many)
    assert few < page.table.height() < 12 * 54
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert page.table.entry is many[-1]
    shown = page.table.visualRect(page.table.currentIndex())
    assert page.table.viewport().rect().contains(shown)
    page.show_entries(ENTRIES)
    assert page.table.height() == few


def test_a_model_that_this_computer_cannot_run_says_why(page):
    awq = dataclasses.replace(ORIGINAL.checkpoint, format_id="awq-int4-g128", name="meta-llama/Llama-AWQ")
    page.show_entries([STARTER, Entry(awq, 1.0)])
    page.table.selectRow(1)
    assert page.chat.isEnabled()  # nothing is known of the machine yet
    page.show_machine(dataclasses.replace(MACHINE, gpus=(), packages={"torch": None}))
    assert not page.chat.isEnabled()
    assert "made for NVIDIA GPUs" in page.chat.toolTip() and "made for NVIDIA GPUs" in words_on(page.details)
    page.table.selectRow(0)
    assert page.chat.isEnabled() and "Not on this computer" not in words_on(page.details)
    page.show_machine(dataclasses.replace(MACHINE, gpus=(), packages={}))  # what is installed may still try
    page.table.selectRow(1)
    assert page.chat.isEnabled() and "made for NVIDIA GPUs" in words_on(page.details)
