"""A table with rows of two lines: a ground, a line below, and words that are cut where the cell ends."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QPainter, QResizeEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import (
    QHeaderView,
    QScrollArea,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from desktop.theme import scale
from desktop.theme.colours import current

ROW_HEIGHT = 54
Index = QModelIndex | QPersistentModelIndex
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class RowTable(QTableView):
    """A table whose rows are chosen whole. It is as high as its rows: the page scrolls, and not the table in it."""

    def __init__(self, model: QAbstractTableModel, name: str, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.setModel(model)
        self.setAccessibleName(name)
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setEditTriggers(QTableView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setDefaultAlignment(_LEFT)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)
        for column, width in enumerate(widths):
            self.setColumnWidth(column, width)
        self._widths = widths
        model.modelReset.connect(self._fit_height)

    @property
    def shown_rows(self) -> int:
        """How many rows the table is high."""
        return self.model().rowCount()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_height()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # it scrolls the page

    def currentChanged(self, current: Index, previous: Index) -> None:  # type: ignore[override]
        """Bring the row into sight by scrolling the page, which is what scrolls here."""
        super().currentChanged(current, previous)
        page = next((parent for parent in _parents(self) if isinstance(parent, QScrollArea)), None)
        content = page.widget() if page else None
        if page and content and self.hasFocus():
            middle = self.viewport().mapTo(content, self.visualRect(current).center())  # type: ignore[arg-type]
            page.ensureVisible(0, middle.y(), 0, ROW_HEIGHT)

    @Slot()
    def _fit_height(self) -> None:
        too_wide = sum(self._widths) > self.viewport().width()
        bar = self.horizontalScrollBar().sizeHint().height() if too_wide else 0
        head = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(head + self.shown_rows * ROW_HEIGHT + 2 * self.frameWidth() + bar)


class RowDelegate(QStyledItemDelegate):
    """Draw a row's ground; subclasses draw the cell in :meth:`paint_cell`, in colours of the moment."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colours = current()
        rect: QRect = option.rect  # type: ignore[attr-defined]
        selected = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        painter.save()
        painter.fillRect(rect, QColor(colours.accent_soft if selected else colours.surface))
        painter.setPen(QColor(colours.border))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        inner = QRectF(rect).adjusted(scale.S, scale.XS + 2, -scale.S, -scale.XS - 2)
        self.paint_cell(painter, inner, index, QColor(colours.on_accent_soft if selected else colours.text))
        painter.restore()

    def paint_cell(self, painter: QPainter, rect: QRectF, index: Index, ink: QColor) -> None:
        """Draw one cell's content within ``rect``; the painter's state is restored afterwards."""
        wrapped(painter, rect, str(index.data()), ink)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(80, ROW_HEIGHT)


def _parents(widget: QWidget) -> Iterator[QWidget]:
    parent = widget.parentWidget()
    while parent:
        yield parent
        parent = parent.parentWidget()


def two_lines(painter: QPainter, rect: QRectF, upper: str, lower: str, ink: QColor, muted: QColor) -> None:
    """Draw a strong line over a small one, each cut with dots where the cell ends."""
    top, bottom = QRectF(rect), QRectF(rect)
    top.setBottom(rect.center().y())
    bottom.setTop(rect.center().y())
    font = painter.font()
    for part, words, part_font, colour in ((top, upper, strong(font), ink), (bottom, lower, small(font), muted)):
        painter.setFont(part_font)
        painter.setPen(colour)
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, int(part.width()))
        painter.drawText(part, _LEFT, shown)
    painter.setFont(font)


def wrapped(painter: QPainter, rect: QRectF, words: str, ink: QColor) -> None:
    """Draw as many lines as the cell holds, the last one cut with dots; the tooltip has it all."""
    painter.setPen(ink)
    metrics, flags = painter.fontMetrics(), int(Qt.TextFlag.TextWordWrap)
    shown = words
    while shown and metrics.boundingRect(rect.toRect(), flags, shown).height() > rect.height():
        shown = shown[:-8].rstrip() + "…"
    option = QTextOption(_LEFT)
    option.setWrapMode(QTextOption.WrapMode.WordWrap)
    painter.drawText(rect, shown, option)


def strong(font: QFont) -> QFont:
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made


def small(font: QFont) -> QFont:
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() * scale.CAPTION)
    return made
