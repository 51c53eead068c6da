"""How fast everything together may be fetched."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.widgets.controls import label, row
from desktop.widgets.fields import Number
from engine.settings import TABLE

_SETTING = TABLE["download_limit_mb_s"]


class LimitField(QWidget):
    """Edit the speed limit; ``changed`` tells it in MB/s, 0 for none."""

    changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.field = Number(_SETTING.lowest or 0, _SETTING.highest or 0, _SETTING.unit)
        self.field.setSpecialValueText(self.tr("No limit"))
        self.field.setToolTip(_SETTING.help)
        self.field.setMinimumWidth(130)
        self.field.valueChanged.connect(self._on_changed)
        self.setLayout(row(label(self.tr("Speed &limit"), buddy=self.field), self.field))

    def show_limit(self, mb_s: float) -> None:
        """Show a limit without telling of it."""
        self.field.blockSignals(True)
        self.field.setValue(mb_s)
        self.field.blockSignals(False)

    @Slot(float)
    def _on_changed(self, mb_s: float) -> None:
        self.changed.emit(round(mb_s, self.field.decimals()))
