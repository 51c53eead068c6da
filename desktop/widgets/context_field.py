"""The context length: a slider over powers of two, and a number for everything between."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.theme import scale
from desktop.widgets.controls import label, row
from desktop.widgets.fields import Slider, WholeNumber

SMALLEST = 256
_SETTLED_MS = 300  # after the last move; each value asks for a new ranking


class ContextField(QWidget):
    """Choose a number of tokens; ``changed`` tells it once the person has stopped moving."""

    changed = Signal(int)

    def __init__(self, tokens: int, largest: int = 2**20) -> None:
        super().__init__()
        self.slider = Slider()
        self.slider.setMinimumWidth(140)
        self.slider.setAccessibleName(self.tr("Context, by powers of two"))
        self.number = WholeNumber(SMALLEST, largest, "tokens")
        self.number.setMinimumWidth(150)
        self.name = label(self.tr("Conte&xt"), "muted", buddy=self.number)
        self._settled = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._settled.timeout.connect(self._on_settled)
        self._told = tokens
        layout = row(self.name, self.slider, self.number, spacing=scale.M)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.set_largest(largest)
        self.number.setValue(tokens)
        self._show_on_slider(tokens)
        self.slider.valueChanged.connect(self._on_slider)
        self.number.valueChanged.connect(self._on_number)

    @property
    def tokens(self) -> int:
        return self.number.value()

    def set_largest(self, tokens: int) -> None:
        """Bound the choice, by what the model was trained on."""
        self.slider.setRange(SMALLEST.bit_length() - 1, max(tokens, SMALLEST).bit_length() - 1)
        self.number.setRange(SMALLEST, max(tokens, SMALLEST))

    @Slot(int)
    def _on_slider(self, power: int) -> None:
        self.number.setValue(min(2**power, self.number.maximum()))

    @Slot(int)
    def _on_number(self, tokens: int) -> None:
        self._show_on_slider(tokens)
        self._settled.start()

    def _show_on_slider(self, tokens: int) -> None:
        self.slider.blockSignals(True)
        self.slider.setValue(tokens.bit_length() - 1)
        self.slider.blockSignals(False)

    @Slot()
    def _on_settled(self) -> None:
        if self.tokens != self._told:
            self._told = self.tokens
            self.changed.emit(self.tokens)
