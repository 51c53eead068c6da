"""Choose how much is learnt from: how many samples, and how long each is."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.quantities import number
from desktop.widgets.controls import button, column, label, row
from desktop.widgets.fields import WholeNumber
from engine.convert.folders.recipes import (
    FEW_SAMPLES,
    LEAST_SAMPLE_TOKENS,
    LEAST_SAMPLES,
    MOST_SAMPLE_TOKENS,
    MOST_SAMPLES,
    SAMPLE_TOKENS,
    SAMPLES,
)


class SamplesField(QWidget):
    """``chosen`` comes with each change; :attr:`counts` are the samples and the tokens of each, 0 for the usual."""

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.samples = self._number(LEAST_SAMPLES, MOST_SAMPLES, SAMPLES, 16)
        self.tokens = self._number(LEAST_SAMPLE_TOKENS, MOST_SAMPLE_TOKENS, SAMPLE_TOKENS, 64)
        self.usual = button(self.tr("As usual"), "quiet")
        self.usual.setToolTip(self._usual_words())
        self.usual.clicked.connect(self._on_usual)
        self.about = label("", "caption", wraps=True)
        first = label(self.tr("&Samples"), "muted", buddy=self.samples)
        last = label(self.tr("&tokens each"), "muted", buddy=self.tokens)
        between = label(self.tr("of"), "muted")
        self.setLayout(column(row(first, self.samples, between, self.tokens, last, self.usual, None), self.about))
        self._show()

    @property
    def counts(self) -> tuple[int, int]:
        chosen = self.samples.value(), self.tokens.value()
        return (0, 0) if chosen == (SAMPLES, SAMPLE_TOKENS) else chosen

    def _usual_words(self) -> str:
        words = self.tr("{samples} samples of {tokens} tokens; those who devised GPTQ and AWQ took so many samples.")
        return words.format(samples=number(SAMPLES), tokens=number(SAMPLE_TOKENS))

    def _number(self, lowest: int, highest: int, usual: int, step: int) -> WholeNumber:
        field = WholeNumber(lowest, highest)
        field.setGroupSeparatorShown(True)
        field.setSingleStep(step)
        field.setValue(usual)
        field.valueChanged.connect(self._on_changed)
        return field

    def _show(self) -> None:
        self.usual.setVisible(self.counts != (0, 0))
        few = self.samples.value() < FEW_SAMPLES
        self.about.setText(self.tr("So few samples make a result that may be far from its original.") if few else "")
        self.about.setVisible(few)

    @Slot(int)
    def _on_changed(self, value: int) -> None:
        self._show()
        self.chosen.emit()

    @Slot()
    def _on_usual(self) -> None:
        for field, usual in ((self.samples, SAMPLES), (self.tokens, SAMPLE_TOKENS)):
            field.blockSignals(True)
            field.setValue(usual)
            field.blockSignals(False)
        self.samples.setFocus()
        self._on_changed(0)
