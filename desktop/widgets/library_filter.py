"""Narrows the list of models: words, and the place that they lie in."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from desktop.theme import scale
from desktop.widgets.controls import column, label, row
from desktop.widgets.fields import Choice

_EVERYWHERE = "Everywhere"


class LibraryFilter(QWidget):
    """``changed`` tells the words and the place; an empty place is any."""

    changed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.words = QLineEdit()
        self.words.setPlaceholderText("Filter by name, format or source")
        self.words.setAccessibleName("Filter")
        self.words.setClearButtonEnabled(True)
        self.words.textChanged.connect(self._tell)
        self.place = Choice()
        self.place.addItem(_EVERYWHERE, "")
        self.place.currentIndexChanged.connect(self._tell)
        self.count = label("", "caption")
        self.place.setMinimumContentsLength(8)
        self.place.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = row(self.words, label("&Place", "muted", buddy=self.place), self.place)
        layout.setStretch(0, 2)
        layout.setStretch(2, 1)
        self.setLayout(column(layout, self.count, spacing=scale.XS))

    def show_places(self, places: Sequence[str]) -> None:
        """Offer the places; the one that is chosen stays while it is there."""
        chosen = self.place.currentData()
        self.place.blockSignals(True)
        self.place.clear()
        self.place.addItem(_EVERYWHERE, "")
        for place in places:
            self.place.addItem(place, place)
        self.place.setCurrentIndex(max(0, self.place.findData(chosen)))
        self.place.blockSignals(False)
        self._tell()

    def show_count(self, shown: int, total: int) -> None:
        models = "model" if total == 1 else "models"
        self.count.setText(f"{total} {models}" if shown == total else f"{shown} of {total} {models}")

    @Slot()
    def _tell(self) -> None:
        self.changed.emit(self.words.text(), self.place.currentData() or "")
