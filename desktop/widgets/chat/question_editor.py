"""A question that is being written anew, in its own place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout

from desktop.theme import scale
from desktop.widgets.chat.composer import QuestionField
from desktop.widgets.controls import button, label, restyle, row


class QuestionEditor(QFrame):
    """``sent`` carries the text, ``left`` comes when the question stays as it was."""

    sent = Signal(str)
    left = Signal()

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setProperty("role", "composer")
        self.field = _Field()
        self.field.setAccessibleName(self.tr("Edit your question"))
        self.field.setPlainText(text)
        self.field.selectAll()
        self.send = button(self.tr("Send"), "primary", "send")
        self.leave = button(self.tr("Cancel"))
        self.field.sent.connect(self._on_send)
        self.field.left.connect(self.left)
        self.field.focused.connect(self._on_focused)
        self.send.clicked.connect(self._on_send)
        self.leave.clicked.connect(self.left)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.M, scale.S, scale.S, scale.S)
        layout.addWidget(self.field)
        hint = label(self.tr("The question as it was stays as another version"), "caption", wraps=True)
        below = row(hint, self.leave, self.send)
        below.setStretch(0, 1)
        layout.addLayout(below)

    @Slot(bool)
    def _on_focused(self, focused: bool) -> None:
        restyle(self, focused=focused)

    @Slot()
    def _on_send(self) -> None:
        if text := self.field.toPlainText().strip():
            self.sent.emit(text)


class _Field(QuestionField):
    left = Signal()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and event.key() == Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            event.accept()  # else it would stop an answer
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)
