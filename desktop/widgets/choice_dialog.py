"""Ask which of several ways to go, with staying as things are on the button that Enter presses."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph, row


class ChoiceDialog(QDialog):
    """``chosen`` tells the number of the way. ``deeds`` are pairs of a label and a role (``primary``, ``danger``)."""

    chosen = Signal(int)

    def __init__(
        self,
        question: str,
        sentence: str,
        deeds: Sequence[tuple[str, str]],
        parent: QWidget,
        keep: str = "",
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(question)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.text = paragraph(sentence)
        self.text.setMinimumWidth(420)
        self.keep = button(keep or self.tr("Keep it"))
        self.keep.clicked.connect(self.reject)
        self.keep.setDefault(True)
        self.deeds = [button(words, role) for words, role in deeds]
        for number, deed in enumerate(self.deeds):
            deed.clicked.connect(partial(self._on_deed, number))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        buttons = row(None, self.keep, *self.deeds)
        add(layout, [label(question, "heading", wraps=True), self.text, scale.S, buttons])
        self.keep.setFocus()

    def _on_deed(self, number: int, _checked: bool = False) -> None:
        self.accept()
        self.chosen.emit(number)
