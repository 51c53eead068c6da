"""The table of what a search found; Enter or a double click opens a model."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QResizeEvent

from desktop.models.found_model import (
    DOWNLOADS,
    FORMAT,
    MODEL,
    VERDICT,
    FoundRow,
    FoundTableModel,
    cell_words,
    count_words,
    likes_words,
)
from desktop.models.row_model import ROW
from desktop.theme.colours import current
from desktop.widgets.chip import paint_chip
from desktop.widgets.row_table import Index, RowDelegate, RowTable, two_lines, wrapped

_WIDTHS = (340, 150, 130, 110, 100)
_LEFT_OUT_FIRST = (DOWNLOADS, FORMAT)  # where the window is narrow; the tooltip and the model's page have it all


class FoundTable(RowTable):
    """Show a :class:`FoundTableModel`; ``opened`` tells the name of the model to open."""

    opened = Signal(str)

    def __init__(self, model: FoundTableModel, name: str = "") -> None:
        super().__init__(model, name or self.tr("Models found"), _WIDTHS)
        self._found = model
        self.setItemDelegate(_FoundDelegate(self))
        self.clicked.connect(self._on_opened)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._on_opened(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.viewport().width()
        shown = set(range(len(_WIDTHS)))
        for column in _LEFT_OUT_FIRST:
            if sum(_WIDTHS[each] for each in shown) - 60 > room:
                shown.discard(column)
        for column in range(len(_WIDTHS)):
            self.setColumnHidden(column, column not in shown)
        rest = sum(_WIDTHS[each] for each in shown if each != MODEL)
        self.setColumnWidth(MODEL, max(200, room - rest))

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        row = self._found.row_at(index.row())
        if row:
            self.opened.emit(row.model.name)


class _FoundDelegate(RowDelegate):
    def paint_cell(self, painter: QPainter, rect: QRectF, index: Index, ink: QColor) -> None:
        row: FoundRow = index.data(ROW)
        muted = QColor(current().text_muted)
        fit = row.outlook.fit if row.outlook else None
        match index.column():
            case column if column == MODEL:
                two_lines(painter, rect, row.title, row.about_words, ink, muted)
            case column if column == VERDICT:
                paint_chip(painter, rect, row.verdict)
            case column if column == FORMAT and fit:
                two_lines(painter, rect, fit.format.label, row.memory_words, ink if fit.fits else muted, muted)
            case column if column == DOWNLOADS:
                upper, lower = count_words(row.model.downloads), likes_words(row.model.likes)
                two_lines(painter, rect, upper, lower, ink, muted)
            case column:
                wrapped(painter, rect, cell_words(row, column), ink if fit and fit.fits else muted)
