"""The table of formats: two lines a row, the memory as a bar, and what does not fit dimmed."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter

from desktop.models.fit_model import CONTEXT, FORMAT, MEMORY, WHY, FitModel, cell_words
from desktop.models.row_model import ROW
from desktop.theme.colours import current
from desktop.widgets.memory_bar import paint_memory
from desktop.widgets.row_table import Index, RowDelegate, RowTable, small, two_lines, wrapped
from engine.recommend.fit import Fit

_WIDTHS = (116, 80, 150, 110, 104, 112, 220)


class FitTable(RowTable):
    """Show a :class:`FitModel`; ``picked`` tells the fit that is selected."""

    picked = Signal(object)

    def __init__(self, model: FitModel) -> None:
        super().__init__(model, self.tr("Formats, best first"), _WIDTHS)
        self._fits = model
        self.setItemDelegate(_FitDelegate(self))
        self.selectionModel().currentRowChanged.connect(self._on_current)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, index: QModelIndex, before: QModelIndex) -> None:
        fit = self._fits.row_at(index.row())
        if fit:
            self.picked.emit(fit)


class _FitDelegate(RowDelegate):
    def paint_cell(self, painter: QPainter, rect: QRectF, index: Index, ink: QColor) -> None:
        fit: Fit = index.data(ROW)
        muted = QColor(current().text_muted)
        ink = ink if fit.fits else muted
        match index.column():
            case column if column == FORMAT:
                two_lines(painter, rect, fit.format.label, fit.format.quality.words, ink, muted)
            case column if column == MEMORY:
                _memory(painter, rect, fit, muted)
            case column if column == CONTEXT and fit.largest_context:
                wrapped(painter, rect, self.tr("up to {size}").format(size=cell_words(fit, column)), ink)
            case column:
                wrapped(painter, rect, cell_words(fit, column), muted if column == WHY else ink)


def _memory(painter: QPainter, rect: QRectF, fit: Fit, ink: QColor) -> None:
    bar = QRectF(rect.left(), rect.center().y() - 12, rect.width(), 8)
    painter.setOpacity(1 if fit.fits else 0.7)
    paint_memory(painter, bar, fit.footprint, fit.free_bytes)
    painter.setOpacity(1)
    painter.setFont(small(painter.font()))
    painter.setPen(ink)
    words = QRectF(rect.left(), bar.bottom() + 2, rect.width(), rect.bottom() - bar.bottom())
    painter.drawText(words, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, cell_words(fit, MEMORY))
