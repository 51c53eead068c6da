"""The table of what can be had of a model."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRectF, Signal, Slot
from PySide6.QtGui import QColor, QPainter

from desktop.models.offer_model import FORMAT, VERDICT, WHY, OfferModel, about_words, cell_words, verdict_words
from desktop.models.row_model import ROW
from desktop.theme.colours import current
from desktop.widgets.chip import paint_chip
from desktop.widgets.row_table import Index, RowDelegate, RowTable, two_lines, wrapped
from engine.catalog.offers import Offer

_WIDTHS = (230, 150, 84, 84, 110, 240)


class OfferTable(RowTable):
    """Show an :class:`OfferModel`; ``picked`` tells the offer that is selected."""

    picked = Signal(object)

    def __init__(self, model: OfferModel) -> None:
        super().__init__(model, self.tr("What can be had, best first"), _WIDTHS)
        self._offers = model
        self.setItemDelegate(_OfferDelegate(self))
        self.selectionModel().currentRowChanged.connect(self._on_current)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, index: QModelIndex, before: QModelIndex) -> None:
        offer = self._offers.row_at(index.row())
        if offer:
            self.picked.emit(offer)


class _OfferDelegate(RowDelegate):
    def paint_cell(self, painter: QPainter, rect: QRectF, index: Index, ink: QColor) -> None:
        offer: Offer = index.data(ROW)
        name = index.model().name  # type: ignore[attr-defined]
        muted = QColor(current().text_muted)
        ink = ink if offer.works else muted
        match index.column():
            case column if column == FORMAT:
                two_lines(painter, rect, offer.title, about_words(offer, name), ink, muted)
            case column if column == VERDICT:
                paint_chip(painter, rect, verdict_words(offer))
            case column:
                wrapped(painter, rect, cell_words(offer, column, name), muted if column == WHY else ink)
