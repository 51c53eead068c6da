"""The small parts that pages are built of."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from desktop.widgets.controls import button, icon_button


@pytest.mark.parametrize(
    "make", [lambda: button("Test"), lambda: icon_button("refresh", "Test")], ids=["words", "icon"]
)
def test_enter_presses_the_button_that_has_the_focus(qtbot, make):
    made = make()
    qtbot.addWidget(made)
    made.show()
    pressed = []
    made.clicked.connect(lambda: pressed.append(True))
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Space):
        QTest.keyClick(made, key)
    QTest.keyClick(made, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert len(pressed) == 3
    QTest.keyClick(made, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)  # somebody's shortcut
    made.setEnabled(False)
    QTest.keyClick(made, Qt.Key.Key_Return)
    assert len(pressed) == 3
