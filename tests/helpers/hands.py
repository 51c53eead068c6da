"""Use widgets as a person does, offscreen."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget


def press(widget: QWidget) -> None:
    """Click on a control that can be seen and used; anything else would do nothing for a person either."""
    QApplication.processEvents()  # what was just shown has its place now
    assert widget.isVisible() and widget.isEnabled(), f"{widget.accessibleName()} cannot be pressed"
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def words_on(widget: QWidget) -> str:
    """Return all text that is shown."""
    QApplication.processEvents()
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())
