"""The mark that words leave this machine: it stays above the composer for as long as a model elsewhere answers."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from desktop.theme import scale
from desktop.theme.icons import pixmap
from desktop.widgets.controls import label


class LeavingMark(QFrame):
    """Hidden until :meth:`show_words` gets some."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "banner")
        self.setProperty("level", "warning")
        self._icon = QLabel()
        self.words = label("", "", wraps=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(scale.M, scale.S, scale.M, scale.S)
        layout.setSpacing(scale.S)
        layout.addWidget(self._icon)
        layout.addWidget(self.words, 1)
        self._draw_icon()
        self.hide()

    def show_words(self, words: str) -> None:
        """Say where what is written goes; empty words: it stays here."""
        self.words.setText(words)
        self.setAccessibleName(words)
        self.setVisible(bool(words))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        self._icon.setPixmap(pixmap("external", "warning", scale.ICON, self.devicePixelRatioF()))
