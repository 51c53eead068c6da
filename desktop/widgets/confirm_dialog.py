"""Ask before something is gone for good."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph, row


class ConfirmDialog(QDialog):
    """A question with the deed on one button and keeping things as they are on the other, which Enter presses.

    Open it with ``open()`` and connect to ``accepted``.
    """

    def __init__(self, question: str, consequence: str, deed: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(question)
        self.deed = button(deed, "danger")
        self.deed.clicked.connect(self.accept)
        self.keep = button(self.tr("Keep it"))
        self.keep.clicked.connect(self.reject)
        self.keep.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        text = paragraph(consequence)
        text.setMinimumWidth(380)
        add(layout, [label(question, "heading", wraps=True), text, scale.S, row(None, self.keep, self.deed)])
        self.keep.setFocus()
