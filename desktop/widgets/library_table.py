"""The table of the library's models."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QWheelEvent
from PySide6.QtWidgets import QTableView

from desktop.models.library_model import FORMAT, FROM, MODEL, Entry, LibraryModel
from desktop.models.row_model import ROW
from desktop.theme.colours import current
from desktop.widgets.row_table import Index, RowDelegate, RowTable, two_lines, wrapped

_WIDTHS = (300, 110, 90, 230, 100)
_ROWS = 8  # shown at once


class LibraryTable(RowTable):
    """Show a :class:`LibraryModel`.

    ``picked`` tells the entry that is selected (or ``None``), ``opened`` the one that was double-clicked or entered.
    """

    picked = Signal(object)
    opened = Signal(object)

    def __init__(self, model: LibraryModel) -> None:
        super().__init__(model, self.tr("Models"), _WIDTHS)
        self._entries = model
        self.setItemDelegate(_EntryDelegate(self))
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # as found, until a head is clicked
        self.setSortingEnabled(True)
        self.selectionModel().currentRowChanged.connect(self._on_current)
        self.doubleClicked.connect(self._on_opened)
        model.modelReset.connect(self._on_reset)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll the rows where there are more than are shown, else the page."""
        if self.model().rowCount() > _ROWS:
            QTableView.wheelEvent(self, event)
        else:
            super().wheelEvent(event)

    @property
    def shown_rows(self) -> int:
        """So many rows that what is below the table stays within reach."""
        return min(self.model().rowCount(), _ROWS)

    @property
    def entry(self) -> Entry | None:
        return self._entries.row_at(self.currentIndex().row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.entry:
            self.opened.emit(self.entry)
        else:
            super().keyPressEvent(event)

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, index: QModelIndex, before: QModelIndex) -> None:
        self.picked.emit(self._entries.row_at(index.row()))

    @Slot(QModelIndex)
    def _on_opened(self, index: QModelIndex) -> None:
        self.opened.emit(self._entries.row_at(index.row()))

    @Slot()
    def _on_reset(self) -> None:
        more = self.model().rowCount() > _ROWS
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if more else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)
        self.picked.emit(None)


class _EntryDelegate(RowDelegate):
    def paint_cell(self, painter: QPainter, rect: QRectF, index: Index, ink: QColor) -> None:
        entry: Entry = index.data(ROW)
        colours = current()
        muted = QColor(colours.text_muted)
        match index.column():
            case column if column == MODEL:
                two_lines(painter, rect, entry.checkpoint.title, entry.folder_words, ink, muted)
            case column if column == FORMAT and entry.damaged:
                wrapped(painter, rect, entry.format_words, QColor(colours.bad))
            case column:
                wrapped(painter, rect, str(index.data()), muted if column == FROM else ink)
