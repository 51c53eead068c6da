"""The table of a model's formats, the best first."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QModelIndex, QRectF, Signal, Slot
from PySide6.QtGui import QColor, QPainter

from desktop.models.compare import Ranked
from desktop.models.compare_table import CompareModel, cell
from desktop.models.row_model import ROW
from desktop.theme.colours import current
from desktop.widgets.row_table import Index, RowDelegate, RowTable, two_lines, wrapped

_WIDTHS = (150, 80, 88, 104, 100, 96, 88, 88, 96, 104)


class CompareTable(RowTable):
    """Show a :class:`CompareModel`; ``picked`` tells the row that is selected, or ``None``."""

    picked = Signal(object)

    def __init__(self, model: CompareModel) -> None:
        super().__init__(model, self.tr("Formats of this model, best first"), _WIDTHS)
        self._ranked = model
        self.setItemDelegate(_CompareDelegate(self))
        self.selectionModel().currentRowChanged.connect(self._on_current)

    def select(self, path: Path | None) -> None:
        """Select the row of a model, if it is there."""
        for number, row in enumerate(self._ranked.rows):
            if row.contender.model.path == path:
                self.selectRow(number)
                return
        self.picked.emit(None)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, index: QModelIndex, before: QModelIndex) -> None:
        self.picked.emit(self._ranked.row_at(index.row()))


class _CompareDelegate(RowDelegate):
    def paint_cell(self, painter: QPainter, rect: QRectF, index: Index, ink: QColor) -> None:
        row: Ranked = index.data(ROW)
        muted = QColor(current().text_muted)
        ink = ink if row.choice and row.choice.passes else muted
        found = cell(row, index.column())
        if found.lower:
            two_lines(painter, rect, found.upper, found.lower, ink, muted)
        else:
            wrapped(painter, rect, found.upper, ink)
