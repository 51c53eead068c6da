"""How full the context window is."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from desktop.theme import scale
from desktop.widgets.chat.words import gauge_words
from desktop.widgets.controls import label, restyle

_TIGHT = 0.85  # of the window: from here on it is told in another colour
_WIDTH = 72


class ContextGauge(QWidget):
    """Show the tokens in use of a window; hidden while no window is known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.words = label("", "caption")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(_WIDTH)
        self.bar.setAccessibleName("Context in use")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.S)
        layout.addWidget(self.words)
        layout.addWidget(self.bar)
        self.hide()

    def show_use(self, used_tokens: int, window_tokens: int) -> None:
        self.setVisible(window_tokens > 0)
        if window_tokens > 0:
            used_tokens = min(used_tokens, window_tokens)
            tight = used_tokens >= _TIGHT * window_tokens
            self.bar.setRange(0, window_tokens)
            self.bar.setValue(used_tokens)
            self.words.setText(gauge_words(used_tokens, window_tokens))
            self.bar.setAccessibleDescription(self.words.text())
            self.setToolTip(_TIGHT_TIP if tight else _TIP)
            if self.words.property("role") != ("warning" if tight else "caption"):
                restyle(self.words, role="warning" if tight else "caption")


_TIP = "How much of the context window this conversation takes."
_TIGHT_TIP = "The context window is nearly full. A new conversation, or a larger context in the settings, makes room."
