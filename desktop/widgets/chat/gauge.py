"""How full the context window is; a press shows what fills it."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QProgressBar, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.theme.colours import current
from desktop.widgets.chat.words import gauge_words
from desktop.widgets.controls import label, restyle

_TIGHT = 0.85  # of the window: from here on it is told in another colour
_WIDTH = 72


class ContextGauge(QAbstractButton):
    """Show the tokens in use of a window; hidden while no window is known."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Context"))
        self.words = label("", "caption")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(_WIDTH)
        self.bar.setAccessibleName(self.tr("Context in use"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(scale.XS, scale.XS, scale.XS, scale.XS)
        layout.setSpacing(scale.S)
        for part in (self.words, self.bar):
            part.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            layout.addWidget(part)
        self.hide()

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return layout.sizeHint()

    def show_use(self, used_tokens: int, window_tokens: int) -> None:
        self.setVisible(window_tokens > 0)
        if window_tokens > 0:
            used_tokens = min(used_tokens, window_tokens)
            tight = used_tokens >= _TIGHT * window_tokens
            self.bar.setRange(0, window_tokens)
            self.bar.setValue(used_tokens)
            self.words.setText(gauge_words(used_tokens, window_tokens))
            self.bar.setAccessibleDescription(self.words.text())
            self.setAccessibleName(self.tr("Context: {amount}").format(amount=self.words.text()))
            self.setToolTip(tr(_TIGHT_TIP) if tight else tr(_TIP))
            if self.words.property("role") != ("warning" if tight else "caption"):
                restyle(self.words, role="warning" if tight else "caption")

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.hasFocus() or self.underMouse():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QColor(current().accent if self.hasFocus() else current().border))
            area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.drawRoundedRect(area, scale.RADIUS_SMALL, scale.RADIUS_SMALL)


_TIP = QT_TR_NOOP("How much of the context window this conversation takes. Press it to see what fills it.")
_TIGHT_TIP = QT_TR_NOOP("The context window is nearly full. Press to see what fills it, and to make room.")
