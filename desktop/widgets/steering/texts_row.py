"""A setting that is a text of several lines: told when it is left, with its help and what is wrong with it below."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from desktop.theme import scale
from desktop.theme.fonts import fixed_font
from desktop.widgets.controls import column, label


class TextsRow(QWidget):
    """``changed`` tells the text once the person has left the field, or the dialog is closed (:meth:`settle`)."""

    changed = Signal(str)

    def __init__(self, title: str, help_words: str, lines: int, *, code: bool = True) -> None:
        super().__init__()
        self.field = QPlainTextEdit()
        self.field.setTabChangesFocus(True)
        if code:
            self.field.setFont(fixed_font())
        self.field.setFixedHeight(self.field.fontMetrics().lineSpacing() * lines + 2 * scale.M)
        self.field.setAccessibleName(title.replace("&", ""))
        self.field.setAccessibleDescription(help_words)
        self.field.installEventFilter(self)
        self.help = label(help_words, "caption", wraps=True)
        self.problem = label("", "bad", wraps=True)
        self.problem.hide()
        self.setLayout(column(label(title, buddy=self.field), self.field, self.help, self.problem))
        self._told = ""

    @property
    def text(self) -> str:
        return self.field.toPlainText()

    def show_text(self, text: str) -> None:
        """Show a text without telling of it."""
        self._told = text
        if text != self.text:
            self.field.setPlainText(text)

    def show_help(self, words: str) -> None:
        self.help.setText(words)
        self.field.setAccessibleDescription(words)

    def show_problem(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.setVisible(bool(words))
        self.field.setAccessibleDescription(words or self.help.text())

    def settle(self) -> None:
        if self.text != self._told:
            self._told = self.text
            self.changed.emit(self.text)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:
            self.settle()
        return super().eventFilter(watched, event)
