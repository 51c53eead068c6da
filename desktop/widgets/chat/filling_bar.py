"""The context window as a bar: what fills it, part beside part, with a legend."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from desktop.models.context_words import Share
from desktop.quantities import number
from desktop.theme import scale
from desktop.theme.colours import current
from desktop.widgets.controls import clear, column, label, row
from desktop.widgets.flow_layout import FlowLayout

_HEIGHT = 14


class FillingBar(QWidget):
    """Show parts of a window. A screen reader reads them as one text."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = _Bar()
        self._legend = QWidget()
        self._flow = FlowLayout(across=scale.L)
        self._legend.setLayout(self._flow)
        self.setLayout(column(self._bar, self._legend))

    def show_shares(self, shares: Sequence[Share]) -> None:
        self._bar.show_shares(shares)
        clear(self._flow)
        words = [f"{share.words} {number(share.tokens)}" for share in shares]
        for share, text in zip(shares, words, strict=True):
            pair = QWidget()
            pair.setLayout(row(_Dot(share.colour), label(text, "caption")))
            self._flow.addWidget(pair)
        self.setAccessibleName(self.tr("Context: {parts} tokens").format(parts=", ".join(words)))


class _Bar(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._shares: Sequence[Share] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_shares(self, shares: Sequence[Share]) -> None:
        self._shares = shares
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline, whole = QPainterPath(), sum(share.tokens for share in self._shares) or 1
        outline.addRoundedRect(QRectF(0, 0, self.width(), _HEIGHT), _HEIGHT / 3, _HEIGHT / 3)
        painter.setClipPath(outline)
        left = 0.0
        for share in self._shares:
            width = self.width() * share.tokens / whole
            painter.fillRect(QRectF(left, 0, width, _HEIGHT), QColor(getattr(current(), share.colour)))
            left += width


class _Dot(QLabel):
    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = colour
        self.setFixedSize(10, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(getattr(current(), self._colour)))
        painter.drawRoundedRect(self.rect(), 3, 3)
