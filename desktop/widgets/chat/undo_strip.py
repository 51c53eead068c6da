"""Say that a conversation was put away or deleted, and offer to bring it back."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import button, label


class UndoStrip(QFrame):
    undo_wanted = Signal()

    def __init__(self, sentence: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "banner")
        self.setProperty("level", "info")
        self.undo = button(self.tr("Bring it back"), "quiet", "undo")
        self.undo.clicked.connect(self.undo_wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(scale.M, scale.XS, scale.XS, scale.XS)
        self.words = label(sentence, wraps=True)
        layout.addWidget(self.words, 1)
        layout.addWidget(self.undo)
        self.hide()

    def show_sentence(self, sentence: str) -> None:
        self.words.setText(sentence)
        self.show()
