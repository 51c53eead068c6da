"""Narrows the list of models: words, and the place that they lie in."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.library_model import LIBRARY
from desktop.quantities import number
from desktop.theme import scale
from desktop.widgets.controls import column, label, row
from desktop.widgets.fields import Choice

_EVERYWHERE = QT_TR_NOOP("Everywhere")


class LibraryFilter(QWidget):
    """``changed`` tells the words and the place; an empty place is any."""

    changed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.words = QLineEdit()
        self.words.setPlaceholderText(self.tr("Filter by name, format or source"))
        self.words.setAccessibleName(self.tr("Filter"))
        self.words.setClearButtonEnabled(True)
        self.words.textChanged.connect(self._tell)
        self.place = Choice()
        self.place.addItem(tr(_EVERYWHERE), "")
        self.place.currentIndexChanged.connect(self._tell)
        self.count = label("", "caption")
        self.place.setMinimumContentsLength(8)
        self.place.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = row(self.words, label(self.tr("&Place"), "muted", buddy=self.place), self.place)
        layout.setStretch(0, 2)
        layout.setStretch(2, 1)
        self.setLayout(column(layout, self.count, spacing=scale.XS))

    def show_places(self, places: Sequence[str]) -> None:
        """Offer the places; the one that is chosen stays while it is there."""
        chosen = self.place.currentData()
        self.place.blockSignals(True)
        self.place.clear()
        self.place.addItem(tr(_EVERYWHERE), "")
        for place in places:
            self.place.addItem(self.tr("Library") if place == LIBRARY else place, place)
        self.place.setCurrentIndex(max(0, self.place.findData(chosen)))
        self.place.blockSignals(False)
        self._tell()

    def show_count(self, shown: int, total: int) -> None:
        some = tr("{shown} of %Ln model(s)", "", total).format(shown=number(shown))
        self.count.setText(tr("%Ln model(s)", "", total) if shown == total else some)

    @Slot()
    def _tell(self) -> None:
        self.changed.emit(self.words.text(), self.place.currentData() or "")
