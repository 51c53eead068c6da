"""One format in full: its reason, its numbers, its memory, and the one button that leads on."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.models.estimate_words import correction_words
from desktop.models.suggestion import Step, Suggestion, context_words, place_words, speed_words, step_for
from desktop.quantities import size
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, clear, column, label, paragraph, restyle, row
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.memory_bar import MemoryBar, MemoryLegend, memory_words
from engine.recommend.fit import Fit


class FitCard(Card):
    """Show a :class:`Fit` of a :class:`Suggestion`; ``go`` tells the step that the button takes."""

    go = Signal(object)

    def __init__(self) -> None:
        super().__init__("", role="pick")
        self._step: Step | None = None
        self.tag = label("", "tag")
        self.reason = paragraph(role="")
        self._numbers = FlowLayout(across=scale.XL)
        self._bar = MemoryBar()
        self._legend = MemoryLegend()
        self._memory = label("", "caption")
        self._corrected = paragraph(role="caption")
        self._obstacles = column(spacing=scale.XS)
        self.button = button("", "primary")
        self.button.clicked.connect(self._on_clicked)
        self.body.addLayout(row(self.tag, None))
        self.body.addWidget(self.reason)
        self.body.addSpacing(scale.XS)
        self.body.addLayout(self._numbers)
        self.body.addSpacing(scale.XS)
        self.body.addLayout(row(label(self.tr("Memory"), "strong"), self._memory, None))
        self.body.addWidget(self._bar)
        self.body.addWidget(self._legend)
        self.body.addWidget(self._corrected)
        self.body.addLayout(self._obstacles)
        self.body.addSpacing(scale.XS)
        self.body.addLayout(row(self.button, None))

    def show_fit(self, suggestion: Suggestion, fit: Fit) -> None:
        best = fit is suggestion.best
        self._step = step_for(suggestion, fit)
        self.heading.setText(f"{fit.format.label} · {fit.format.quality.words}")
        self.setAccessibleName(f"{fit.format.label}: {fit.reason}")
        praise = self.tr("Best for this machine") if len(suggestion.fits) > 1 else self.tr("Fits this machine")
        self.tag.setText(praise if best else f"{fit.format.best_for[:1].upper()}{fit.format.best_for[1:]}")
        self.reason.setText(fit.reason)
        self._show_numbers(suggestion, fit)
        self._memory.setText(memory_words(fit.footprint, fit.free_bytes))
        self._bar.show_memory(fit.footprint, fit.free_bytes)
        self._legend.show_memory(fit.footprint)
        self._corrected.setText(correction_words(fit))
        self._corrected.setVisible(bool(self._corrected.text()))
        clear(self._obstacles)
        for obstacle in fit.obstacles:
            self._obstacles.addWidget(paragraph(obstacle, "warning"))
        self.button.setText(self._step.label)
        self.button.setAccessibleName(self._step.label)
        self.button.setEnabled(self._step.do != "nothing")
        restyle(self, role="pick" if fit.fits else "card")

    def _show_numbers(self, suggestion: Suggestion, fit: Fit) -> None:
        clear(self._numbers)
        for name, words in (
            (self.tr("File"), size(fit.file_bytes)),
            (self.tr("Answers at"), speed_words(fit.decode_tokens_s)),
            (self.tr("Reads at"), speed_words(fit.prompt_tokens_s)),
            (self.tr("Largest context"), context_words(fit.largest_context)),
            (self.tr("Runs on"), place_words(fit, suggestion.facts.layers)),
        ):
            self._numbers.addWidget(_number(name, words))

    @Slot()
    def _on_clicked(self) -> None:
        if self._step:
            self.go.emit(self._step)


def _number(name: str, words: str) -> QWidget:
    pair = QWidget()
    value = label(words, "strong")
    value.setAccessibleName(f"{name}: {words}")
    pair.setLayout(column(label(name, "caption"), value, spacing=0))
    return pair
