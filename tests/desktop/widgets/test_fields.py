from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QVBoxLayout, QWidget

from desktop.widgets.fields import Choice, Number, Slider, WholeNumber
from desktop.widgets.open_button import OpenButton
from desktop.widgets.path_field import PathField
from tests.helpers.hands import press


def choice():
    made = Choice()
    made.addItems(["a", "b", "c"])
    made.setCurrentIndex(1)
    return made


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: WholeNumber(0, 10), lambda field: field.value()),
        (lambda: Number(0, 1), lambda field: field.value()),
        (Slider, lambda field: field.value()),
        (choice, lambda field: field.currentIndex()),
    ],
)
def test_scrolling_over_a_field_changes_it_only_with_the_focus(qtbot, make, value):
    host, field, other = QWidget(), make(), WholeNumber(0, 1)
    layout = QVBoxLayout(host)
    layout.addWidget(field)
    layout.addWidget(other)
    qtbot.addWidget(host)
    host.show()
    host.activateWindow()
    QApplication.processEvents()
    before = value(field)
    for focused, changes in ((other, False), (field, True)):
        focused.setFocus()
        turn = -120 if isinstance(field, Choice) else 120
        at = QPointF(5, 5)
        none = Qt.KeyboardModifier.NoModifier
        event = QWheelEvent(
            at, at, QPoint(), QPoint(0, turn), Qt.MouseButton.NoButton, none, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(field, event)
        assert (value(field) != before) == changes


def test_a_path_is_told_when_it_is_done(qtbot):
    field = PathField("Models folder")
    qtbot.addWidget(field)
    field.show()
    heard = []
    field.changed.connect(heard.append)
    qtbot.keyClicks(field.line, "/models")
    assert heard == []
    qtbot.keyClick(field.line, Qt.Key.Key_Return)
    qtbot.keyClick(field.line, Qt.Key.Key_Return)
    assert heard == [Path("/models")]


def test_a_path_is_browsed_for(qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: "/chosen")
    field = PathField("Models folder")
    qtbot.addWidget(field)
    field.show()
    with qtbot.waitSignal(field.changed) as change:
        press(field.browse)
    assert change.args == [Path("/chosen")]


def test_a_model_is_opened_as_a_file_where_folders_are_no_use(qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: ("/chosen.gguf", ""))
    button = OpenButton("Open…", folders=False)
    qtbot.addWidget(button)
    button.show()
    with qtbot.waitSignal(button.chosen) as chosen:
        press(button)
    assert chosen.args == [Path("/chosen.gguf")]


def test_a_dialog_that_is_left_opens_nothing(qtbot, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args: ("", ""))
    button = OpenButton("Open…", folders=False)
    qtbot.addWidget(button)
    button.show()
    with qtbot.assertNotEmitted(button.chosen):
        press(button)


@pytest.mark.qt_log_ignore("This plugin does not support")  # offscreen, a popup gets neither raised nor the keyboard
def test_an_open_list_is_as_wide_as_its_words(qtbot):
    made = Choice()
    qtbot.addWidget(made)
    made.addItems(["SmolLM2-135M-Instruct · HuggingFaceTB", "SmolLM2-135M-Instruct.Q4_1 · HuggingFaceTB"])
    made.setFixedWidth(120)
    made.setStyleSheet("QComboBox { combobox-popup: 0; }")  # as in the theme
    made.show()
    made.showPopup()
    QApplication.processEvents()
    widest = max(made.fontMetrics().horizontalAdvance(made.itemText(row)) for row in range(made.count()))
    assert made.view().viewport().width() >= widest
    made.hidePopup()
