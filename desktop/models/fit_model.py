"""The ranked formats as a table. One row a :class:`Fit`, best first; what does not fit is dimmed by its view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from desktop.models.suggestion import PLACES, context_words, speed_words
from engine.quantities import size
from engine.recommend.fit import Fit

COLUMNS = ("Format", "File", "Memory", "Context", "Speed", "Runs on", "Why")
FORMAT, FILE, MEMORY, CONTEXT, SPEED, PLACE, WHY = range(len(COLUMNS))

FIT = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class FitModel(QAbstractTableModel):
    """Hold the fits. The role :data:`FIT` gives a row's value itself."""

    def __init__(self, fits: Sequence[Fit] = ()) -> None:
        super().__init__()
        self._fits = tuple(fits)

    def show_fits(self, fits: Sequence[Fit]) -> None:
        self.beginResetModel()
        self._fits = tuple(fits)
        self.endResetModel()

    def fit_at(self, row: int) -> Fit | None:
        return self._fits[row] if 0 <= row < len(self._fits) else None

    def row_of(self, format_id: str) -> int:
        """Return the row of a format, -1 if it is not there."""
        return next((row for row, fit in enumerate(self._fits) if fit.format.id == format_id), -1)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._fits)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        fit = self._fits[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell_words(fit, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return " ".join((fit.reason, *fit.obstacles))
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{COLUMNS[index.column()]}: {cell_words(fit, index.column())}"
        return fit if role == FIT else None


def cell_words(fit: Fit, column: int) -> str:
    """Return one cell in words."""
    words = (
        f"{fit.format.label}, {fit.format.quality.words}",
        size(fit.file_bytes),
        f"{size(fit.footprint.total_bytes)} of {size(fit.free_bytes)}",
        context_words(fit.largest_context),
        speed_words(fit.decode_tokens_s),
        PLACES[fit.place],
        fit.reason,
    )
    return words[column]
