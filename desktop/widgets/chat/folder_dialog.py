"""Ask for the name of a folder of conversations."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import add, button, label, row
from engine.chat.shelf import fit_name
from engine.errors import Refused

_WIDTH = 380


class FolderDialog(QDialog):
    """``named`` carries the name. Open it with ``open()``."""

    named = Signal(str)

    def __init__(self, title: str, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.field = QLineEdit(name)
        self.field.selectAll()
        self.field.textChanged.connect(self._show_state)
        self.problem = label("", "warning", wraps=True)
        self.keep = button(self.tr("Cancel"))
        self.keep.clicked.connect(self.reject)
        self.deed = button(self.tr("Save"), "primary")
        self.deed.clicked.connect(self._on_deed)
        self.deed.setDefault(True)
        self.setMinimumWidth(_WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        named = label(self.tr("&Name of the folder"), buddy=self.field)
        add(layout, [label(title, "heading"), named, self.field, self.problem, row(None, self.keep, self.deed)])
        self._show_state()
        self.field.setFocus()

    @Slot()
    def _show_state(self) -> None:
        self.deed.setEnabled(bool(self.field.text().strip()))
        self.problem.hide()

    @Slot()
    def _on_deed(self) -> None:
        try:
            name = fit_name(self.field.text())
        except Refused as error:
            self.problem.setText(error.message)
            self.problem.show()
            return
        self.accept()
        self.named.emit(name)
