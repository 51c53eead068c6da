"""Text of a program that is to be copied or saved and not changed: a command, a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.theme.fonts import fixed_font
from desktop.widgets.controls import add, button, label


class ScriptView(QWidget):
    """Show one text in the font of code.

    The buttons ``copy`` and ``save``, and ``said``, which tells what they did, stand where their owner puts them.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._file_name = ""
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setTabChangesFocus(True)
        self.text.setFont(fixed_font())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setMinimumHeight(180)
        self.text.setAccessibleName(name)
        self.copy = button(self.tr("Copy"), "primary", "copy")
        self.copy.clicked.connect(self._on_copy)
        self.save = button(self.tr("Save as…"), "", "file")
        self.save.clicked.connect(self._on_save)
        self.said = label("", "muted", wraps=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.S)
        add(layout, [self.text])
        layout.setStretch(0, 1)

    def show_text(self, text: str, file_name: str) -> None:
        """Show a text; an empty one can be neither copied nor saved."""
        if text != self.text.toPlainText():
            self.text.setPlainText(text)
        self._file_name = file_name
        self.said.clear()
        for each in (self.copy, self.save):
            each.setEnabled(bool(text))

    def save_to(self, file: Path) -> None:
        """Write the text into a file, and say whether that went well."""
        try:
            file.write_text(self.text.toPlainText(), "utf-8")
        except OSError as error:
            self.said.setText(
                self.tr("It cannot be saved: {reason}. Choose another folder.").format(reason=error.strerror or error)
            )
        else:
            self.said.setText(self.tr("Saved as {file}").format(file=file))

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self.said.setText(self.tr("Copied"))

    @Slot()
    def _on_save(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, self.tr("Save"), str(Path.home() / self._file_name))
        if chosen:
            self.save_to(Path(chosen))
