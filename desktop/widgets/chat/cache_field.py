"""How the context is kept in memory, each way with what it takes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from desktop.models.context_words import cache_words, flash_words
from desktop.theme import scale
from desktop.widgets.controls import add, button, label, row
from desktop.widgets.fields import Choice
from engine.chat.enlarging import CacheCost
from engine.settings import TABLE


class CacheField(QWidget):
    """Shown where a model has the choice; ``wanted`` carries the type and whether flash attention is used."""

    wanted = Signal(str, bool)

    def __init__(self) -> None:
        super().__init__()
        self._costs: dict[tuple[str, bool], CacheCost] = {}
        self._now = "", True
        self.types = Choice()
        self.flash = QCheckBox()
        self.load = button(self.tr("Load again with it"))
        self.load.clicked.connect(self._on_load)
        self.types.currentIndexChanged.connect(self._show_state)
        self.flash.toggled.connect(self._show_state)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.S)
        across = row(self.types, self.load)
        across.setStretch(0, 1)
        add(layout, [label(f"&{TABLE['cache_type'].title}", buddy=self.types), across, self.flash])
        self.hide()

    @property
    def chosen(self) -> tuple[str, bool]:
        return self.types.currentData() or "", self.flash.isChecked()

    def show_costs(self, costs: Sequence[CacheCost], cache_type: str, *, flash_attention: bool) -> None:
        """Offer the ways, with the one that is in use."""
        self._now = cache_type, flash_attention
        self._costs = {(cost.cache_type, cost.flash_attention): cost for cost in costs}
        self.types.blockSignals(True)
        self.types.clear()
        now = self._costs.get(self._now)
        for name in dict.fromkeys(cost.cache_type for cost in costs):
            self.types.addItem(cache_words(self._costs[name, True], now), name)
        self.types.setCurrentIndex(self.types.findData(cache_type))
        self.types.blockSignals(False)
        self.flash.setChecked(flash_attention)
        self._show_state()
        self.setVisible(now is not None)

    @Slot()
    def _show_state(self) -> None:
        name, _ = self.chosen
        with_it, without = self._costs.get((name, True)), self._costs.get((name, False))
        self.flash.setText(flash_words(with_it, without))
        self.flash.setEnabled(without is not None)
        if without is None and not self.flash.isChecked():
            self.flash.setChecked(True)
        self.load.setEnabled(self.chosen in self._costs and self.chosen != self._now)

    @Slot()
    def _on_load(self) -> None:
        self.wanted.emit(*self.chosen)
