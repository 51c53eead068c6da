"""Conversations in folders: moved there, listed alone, begun there, renamed and dissolved."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu

from desktop.widgets.chat.folder_dialog import FolderDialog
from engine.chat.history.rows import Entry
from tests.desktop.chat.test_kept import Kept, kept, stored

__all__ = ["kept", "stored"]


def act(menu: QMenu, words: str) -> None:
    """Choose an entry of a menu or of one of its submenus."""
    for action in menu.actions():
        inner = action.menu()
        actions = [*inner.actions()] if isinstance(inner, QMenu) else [action]
        for each in actions:
            if each.text() == words.replace("&", "&&"):
                assert each.isEnabled()
                each.trigger()
                return
    raise AssertionError(f"{words} is not in the menu")


def entry_of(kept: Kept, title: str) -> Entry:
    return next(entry for entry in kept.flow.store.entries if entry.title == title)


def name(kept: Kept, words: str) -> None:
    """Type into the dialog that asks for a name, and press Enter."""
    dialog = kept.page.panel.findChild(FolderDialog)
    assert dialog is not None
    dialog.field.setText(words)
    kept._qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    kept.until(lambda: not dialog.isVisible())


@pytest.fixture
def sorted_(stored, kept):
    """Put one of the two conversations into a folder."""
    panel = kept.page.panel
    assert not panel.folders.isVisible()
    act(panel.menu_of(entry_of(kept, "Bytes")), "New folder…")
    name(kept, "  Sizes &  units ")
    assert panel.folders.isVisible()
    return kept


def test_a_folder_lists_its_own_and_is_there_after_a_restart(sorted_):
    panel = sorted_.page.panel
    assert sorted(sorted_.titles) == ["Bytes", "Nibbles"]
    panel.folders.choose("Sizes & units")
    assert sorted_.titles == ["Bytes"]
    sorted_.restart()
    sorted_.page.panel.folders.choose("Sizes & units")
    assert sorted_.titles == ["Bytes"]
    assert "in Sizes & units" in sorted_.page.panel.rows.index(1).data(Qt.ItemDataRole.AccessibleTextRole)


def test_a_conversation_begins_in_the_folder_that_is_shown(sorted_):
    sorted_.page.panel.folders.choose("Sizes & units")
    sorted_.load(chunks=["Four bits."])
    sorted_.ask("How large is a nibble?")
    assert len(sorted_.titles) == 2
    assert {entry.folder for entry in sorted_.flow.store.entries if entry.title != "Nibbles"} == {"Sizes & units"}


def test_an_empty_folder_is_gone_and_all_are_listed(sorted_):
    panel = sorted_.page.panel
    panel.folders.choose("Sizes & units")
    act(panel.menu_of(entry_of(sorted_, "Bytes")), "None")
    assert not panel.folders.isVisible()
    assert sorted(sorted_.titles) == ["Bytes", "Nibbles"]


def test_a_renamed_folder_stays_in_sight(sorted_):
    panel = sorted_.page.panel
    act(panel.menu_of(entry_of(sorted_, "Nibbles")), "Sizes & units")
    panel.folders.choose("Sizes & units")
    act(panel.menu(), "Rename folder…")
    name(sorted_, "Units")
    assert panel.folder == "Units"
    assert sorted(sorted_.titles) == ["Bytes", "Nibbles"]
    act(panel.menu(), "Dissolve folder")
    assert not panel.folders.isVisible()
    assert len(sorted_.titles) == 2


def test_a_dissolved_folder_can_be_brought_back(sorted_):
    panel, strip = sorted_.page.panel, sorted_.page.strip
    act(panel.menu_of(entry_of(sorted_, "Nibbles")), "Sizes & units")
    panel.folders.choose("Sizes & units")
    act(panel.menu(), "Dissolve folder")
    assert strip.words.text() == "The folder “Sizes & units” was dissolved."
    sorted_.flow.store.move([entry_of(sorted_, "Nibbles").id], "Elsewhere")
    sorted_.click(strip.undo)
    assert not strip.isVisible()
    assert panel.folder == "Sizes & units"
    assert sorted_.titles == ["Bytes"]
    sorted_.restart()
    assert {entry.title: entry.folder for entry in sorted_.flow.store.entries} == {
        "Bytes": "Sizes & units",
        "Nibbles": "Elsewhere",
    }


def test_a_name_that_is_too_long_is_refused(stored, kept):
    act(kept.page.panel.menu_of(entry_of(kept, "Bytes")), "New folder…")
    dialog = kept.page.panel.findChild(FolderDialog)
    dialog.field.setText("x" * 61)
    kept._qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert "1 to 60" in dialog.problem.text()
    dialog.reject()
