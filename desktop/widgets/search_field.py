"""A line to search with: a lens at its left, a cross that empties it, and Escape to leave it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QToolButton

from desktop.theme.icons import icon


class SearchField(QLineEdit):
    """``left`` comes with Escape, ``down`` with the key Down, ``back`` with Shift+Enter."""

    left = Signal()
    down = Signal()
    back = Signal()

    def __init__(self, words: str, name: str) -> None:
        super().__init__()
        self.setPlaceholderText(words)
        self.setAccessibleName(name)
        self.setClearButtonEnabled(True)
        for clear in self.findChildren(QToolButton):
            clear.setAccessibleName(self.tr("Clear"))
        self.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        for lens in self.findChildren(QToolButton):
            if not lens.accessibleName():
                lens.setAccessibleName(name)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            event.accept()  # else it would stop the answer
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.down.emit()
        elif enter and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.back.emit()
        else:
            super().keyPressEvent(event)
