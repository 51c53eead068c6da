"""Use widgets as a person does, offscreen."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

_LAYING_OUT_S = 2.0


def press(widget: QWidget) -> None:
    """Click on a control that can be seen and used; anything else would do nothing for a person either."""
    _await_place(widget)
    assert widget.isVisible() and widget.isEnabled(), f"{widget.accessibleName()} cannot be pressed"
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def words_on(widget: QWidget) -> str:
    """Return all text that is shown."""
    QApplication.processEvents()
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


def _await_place(widget: QWidget) -> None:
    """Let what was just shown get its place; it may take a second round of laying out."""
    QApplication.processEvents()
    deadline_s = time.monotonic() + _LAYING_OUT_S
    while widget.isVisible() and widget.rect().isEmpty() and time.monotonic() < deadline_s:
        QTest.qWait(1)
