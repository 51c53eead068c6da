"""A bar that shows what a model's memory is made of, beside what is free."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import size
from desktop.theme import scale
from desktop.theme.colours import Colours, current
from desktop.widgets.controls import clear, label, row
from desktop.widgets.flow_layout import FlowLayout
from engine.recommend.fit import Footprint

# The terms of a footprint, in the order in which they are drawn, with the words for them.
TERMS = {
    "weights": QT_TR_NOOP("Weights"),
    "kv_cache": QT_TR_NOOP("Context"),
    "compute": QT_TR_NOOP("Computing"),
    "runtime": QT_TR_NOOP("Program"),
}
_HEIGHT = 14


def term_bytes(footprint: Footprint) -> dict[str, int]:
    return {term: getattr(footprint, f"{term}_bytes") for term in TERMS}


def memory_words(footprint: Footprint, free_bytes: int) -> str:
    """Return the bar in words: “5.1 GB of 18.3 GB free”; without any such memory only what it takes of it."""
    if free_bytes <= 0:
        return size(footprint.total_bytes)
    return tr("{needed} of {free} free").format(needed=size(footprint.total_bytes), free=size(free_bytes))


def paint_memory(painter: QPainter, rect: QRectF, footprint: Footprint, free_bytes: int) -> None:
    """Draw the terms as parts of the free memory. What is more than that is drawn past a mark where the memory ends.

    Where there is no such memory at all (of a GPU that is not there) nothing has run out: only the terms are drawn.
    """
    colours = current()
    whole = max(free_bytes, footprint.total_bytes, 1)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPainterPath()
    outline.addRoundedRect(rect, rect.height() / 3, rect.height() / 3)
    painter.setClipPath(outline)
    painter.fillRect(rect, QColor(colours.sunken))
    left, share = rect.left(), footprint.total_bytes / max(footprint.first_bytes, 1)
    for term, count in term_bytes(footprint).items():
        width = rect.width() * count * share / whole
        painter.fillRect(QRectF(left, rect.top(), width, rect.height()), QColor(getattr(colours, term)))
        left += width
    if 0 < free_bytes < footprint.total_bytes:
        _paint_end(painter, rect, rect.left() + rect.width() * free_bytes / whole, colours)
    painter.restore()


def _paint_end(painter: QPainter, rect: QRectF, at: float, colours: Colours) -> None:
    over = QColor(colours.bad)
    painter.fillRect(QRectF(at, rect.top(), rect.right() - at, rect.height()), over)
    painter.fillRect(QRectF(at - 1, rect.top(), 2, rect.height()), QColor(colours.surface))


class MemoryBar(QWidget):
    """The bar with its legend."""

    def __init__(self) -> None:
        super().__init__()
        self._footprint = Footprint(0, 0, 0, 0)
        self._free_bytes = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_memory(self, footprint: Footprint, free_bytes: int) -> None:
        self._footprint, self._free_bytes = footprint, free_bytes
        self.setAccessibleName(self.tr("Memory: {memory}").format(memory=memory_words(footprint, free_bytes)))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        rect = QRectF(0, 0, self.width(), _HEIGHT)
        paint_memory(painter, rect, self._footprint, self._free_bytes)


class MemoryLegend(QWidget):
    """The terms in words, each with the colour of its part of the bar."""

    def __init__(self) -> None:
        super().__init__()
        self._flow = FlowLayout(across=scale.L)
        self.setLayout(self._flow)

    def show_memory(self, footprint: Footprint) -> None:
        clear(self._flow)
        for term, count in term_bytes(footprint).items():
            pair = QWidget()
            pair.setLayout(row(_Dot(term), label(f"{tr(TERMS[term])} {size(count)}", "caption")))
            self._flow.addWidget(pair)


class _Dot(QLabel):
    def __init__(self, term: str) -> None:
        super().__init__()
        self._term = term
        self.setFixedSize(10, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(getattr(current(), self._term)))
        painter.drawRoundedRect(self.rect(), 3, 3)
