"""Keeping models in the window: real folders and real jobs behind the page."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import send2trash.plat_other
from PySide6.QtCore import QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from desktop.widgets.choice_dialog import ChoiceDialog
from engine import settings as settings_file
from engine.catalog.moving.journal import Journal
from engine.catalog.places import Places
from tests.desktop.test_app import app, probes  # noqa: F401
from tests.helpers.app_layouts import case, lay_out, tiny_gguf


@pytest.fixture(autouse=True)
def person(tmp_path, monkeypatch):
    """Return a person's home with Ollama in it, on the disk that has the trash."""
    home = tmp_path / "person"
    lay_out(home / ".ollama" / "models", case("ollama")["disk"])
    monkeypatch.setattr(send2trash.plat_other, "HOMETRASH", str(tmp_path / "Trash"))
    monkeypatch.setattr(send2trash.plat_other, "HOMETRASH_B", os.fsencode(tmp_path / "Trash"))
    return home


@pytest.fixture
def model(home) -> Path:
    path = home / "data" / "models" / "acme" / "Small-GGUF" / "Small.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(tiny_gguf(77))
    return path


@pytest.fixture
def library(model, app, qtbot):  # noqa: F811
    """Return the app on its library page, everything read."""
    app.window.show_page("library")
    qtbot.waitUntil(lambda: "Ollama/llama3.2:3b" in names(app), timeout=20000)
    return app


def names(app) -> list[str]:  # noqa: F811
    return [entry.checkpoint.name for entry in app.models.entries.rows]


def pick(app, name) -> None:  # noqa: F811
    app.models.table.selectRow(app.models.entries.row_of(name))


def note(app) -> str:  # noqa: F811
    return app.models.note.words.text() if app.models.note.isVisible() else ""


def way(app, name):  # noqa: F811
    return next(button for button in app.models.note.ways if button.text() == name)


def dialog_of(app, qtbot) -> ChoiceDialog:  # noqa: F811
    def is_open() -> bool:
        assert not app.models.banner.isVisible(), app.models.banner.accessibleName()
        return any(dialog.isVisible() for dialog in app.window.findChildren(ChoiceDialog))

    qtbot.waitUntil(is_open)
    return next(dialog for dialog in app.window.findChildren(ChoiceDialog) if dialog.isVisible())


def test_models_of_other_apps_are_offered_everywhere(library):
    items = [library.chat.picker.list.itemText(row) for row in range(library.chat.picker.list.count())]
    assert any("llama3.2:3b" in item for item in items)
    library.models.places.apps.click()
    assert not Places().apps


def test_noting_a_fingerprint_then_verifying(library, qtbot, model):
    pick(library, "acme/Small-GGUF/Small.gguf")
    library.models.verify.click()
    qtbot.waitUntil(lambda: "is noted" in note(library))
    qtbot.waitUntil(lambda: library.models.verify.text() == "Verify")
    library.models.verify.click()
    qtbot.waitUntil(lambda: "Small is whole" in note(library))
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    library.models.verify.click()
    qtbot.waitUntil(lambda: "Small.gguf has changed" in note(library))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into the trash")
def test_deleting_and_putting_back(library, qtbot, model):
    pick(library, "acme/Small-GGUF/Small.gguf")
    library.models.delete.click()
    dialog_of(library, qtbot).deeds[0].click()
    qtbot.waitUntil(lambda: "is in the trash" in note(library))
    assert not model.exists()
    way(library, "Put it back").click()
    qtbot.waitUntil(model.exists)
    qtbot.waitUntil(lambda: "acme/Small-GGUF/Small.gguf" in names(library))


def test_what_is_dropped_on_the_window_is_used_in_place_or_copied(library, qtbot, tmp_path):
    file = tmp_path / "mine.gguf"
    file.write_bytes(tiny_gguf(5))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    library.window.show_page("machine")
    how = QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(library.window, QDragEnterEvent(*how))
    QApplication.sendEvent(library.window, QDropEvent(*how))
    assert library.window.page == "library"
    qtbot.waitUntil(lambda: str(file) in names(library))
    assert Places().all == (file,)
    way(library, "Copy into the library").click()
    qtbot.waitUntil(lambda: "local/mine-GGUF/mine.gguf" in names(library))
    library.models.places.forget_wanted.emit(file)
    qtbot.waitUntil(lambda: str(file) not in names(library))
    assert file.exists()


def test_moving_the_library(library, qtbot, tmp_path, model):
    library.models.places.move_wanted.emit(tmp_path / "new")
    dialog = dialog_of(library, qtbot)
    assert "same disk" in dialog.text.text()
    dialog.deeds[0].click()
    qtbot.waitUntil(lambda: library.state.library.folder == tmp_path / "new", timeout=20000)
    qtbot.waitUntil(lambda: "acme/Small-GGUF/Small.gguf" in names(library))
    assert "every file checked" in note(library)
    assert settings_file.load().models_folder == tmp_path / "new"
    assert library.options.rows["models_folder"].value == str(tmp_path / "new")
    assert not model.exists()


def test_another_folder_in_the_settings_offers_to_move(library, qtbot, tmp_path, model):
    library.options.changed.emit(library.state.settings.changed(models_folder=str(tmp_path / "new")))
    dialog_of(library, qtbot).reject()
    assert library.state.library.holds(model)
    assert library.options.rows["models_folder"].value == ""
    library.options.changed.emit(library.state.settings.changed(models_folder=str(tmp_path / "new")))
    dialog_of(library, qtbot).deeds[0].click()
    dialog_of(library, qtbot).deeds[0].click()
    qtbot.waitUntil(lambda: library.state.library.folder == tmp_path / "new", timeout=20000)
    assert (tmp_path / "new" / "acme" / "Small-GGUF" / "Small.gguf").exists()


def test_a_move_that_was_interrupted_is_offered_again(library, qtbot, tmp_path):
    Journal().begin(library.state.library.folder.absolute(), tmp_path / "new")
    library.moving_flow.start()
    qtbot.waitUntil(lambda: "was interrupted" in note(library))
    way(library, "Give it up").click()
    assert Journal().begun() is None


def test_a_move_that_cannot_be_is_told(library, qtbot):
    library.models.places.move_wanted.emit(library.state.library.folder / "within")
    qtbot.waitUntil(lambda: library.models.banner.isVisible())
