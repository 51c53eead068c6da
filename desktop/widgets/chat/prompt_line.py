"""The conversation's system prompt at its head: its first words, and the way to all of it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.theme.icons import icon

_NONE = QT_TR_NOOP("No system prompt")
_AROUND = 56  # pixels of the button besides its words
_TIP_LETTERS = 600


class PromptLine(QPushButton):
    """A button of one line; words that do not fit are cut off with dots."""

    def __init__(self) -> None:
        super().__init__()
        self._words = tr(_NONE)
        self.setProperty("role", "quiet")
        self.setIcon(icon("edit"))
        self.setIconSize(QSize(scale.ICON, scale.ICON))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setProperty("align", "left")
        self.show_prompt("")

    def show_prompt(self, text: str) -> None:
        words = " ".join(text.split())
        self._words = self.tr("System prompt: {words}").format(words=words) if words else tr(_NONE)
        self.setAccessibleName(self._words)
        purpose = self.tr("Tell the model how to answer")
        self.setToolTip(f"{text[:_TIP_LETTERS] or purpose}\n(Ctrl+Shift+P)")
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, max(self.width() - _AROUND, 0))
        self.setText(shown.replace("&", "&&"))
