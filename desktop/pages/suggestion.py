"""Which format of a model fits this machine, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot

from desktop.models.fit_model import FitModel
from desktop.models.suggestion import Step, Suggestion, first_pick, model_words
from desktop.widgets.context_field import ContextField
from desktop.widgets.controls import fill, frame, label
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.fit_card import FitCard
from desktop.widgets.fit_table import FitTable
from desktop.widgets.model_picker import ModelPicker
from desktop.widgets.page import Page
from desktop.widgets.progress_line import ProgressLine
from engine.catalog.checkpoint import Checkpoint
from engine.recommend.fit import Fit

_WIDTH = 1080  # the table has seven columns


class SuggestionPage(Page):
    """Show a :class:`Suggestion`.

    ``suggestion_wanted`` asks for one (path, context in tokens); ``chat_wanted`` and ``convert_wanted`` (path, format
    id) are the button of the format that is picked.
    """

    suggestion_wanted = Signal(Path, int)
    chat_wanted = Signal(Path)
    convert_wanted = Signal(Path, str)

    def __init__(self, context_tokens: int) -> None:
        super().__init__(self.tr("Suggestion"), self.tr("Which format of a model fits this machine, and why."), _WIDTH)
        self._suggestion: Suggestion | None = None
        self._fit: Fit | None = None
        self.picker = ModelPicker()
        self.picker.chosen.connect(self._ask)
        self.context = ContextField(context_tokens)
        self.context.changed.connect(self._ask)
        choice = frame("card")
        fill(choice, self.picker, self.context)
        self.empty = EmptyState(
            "suggestion",
            self.tr("Choose a model"),
            self.tr("Pick one of your library above, or open a folder or file: you will see what fits and why."),
        )
        self.busy = ProgressLine(self.tr("Reading the model"))
        self.busy.hide()
        self.about = label("", "muted", wraps=True)
        self.card = FitCard()
        self.card.go.connect(self._on_go)
        self.heading = label(self.tr("All formats, best first"), "heading")
        self.fits = FitModel()
        self.table = FitTable(self.fits)
        self.table.picked.connect(self._on_picked)
        for widget in (choice, self.busy, self.empty, self.about, self.card, self.heading, self.table):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self._show_result(False)

    def retry(self) -> None:
        self._ask()

    def show_library(self, entries: Sequence[Checkpoint]) -> None:
        self.picker.show_library(entries)

    def choose(self, path: Path) -> None:
        """Choose a model, as if the person had, and ask for its suggestion."""
        self.picker.choose(path)
        self._ask()

    @Slot(str)
    def show_busy(self, doing: str = "") -> None:
        self.banner.clear()
        self.busy.restart(doing or self.tr("Reading the model…"))
        self.busy.show()
        self.empty.hide()

    @Slot(object)
    def show_suggestion(self, suggestion: Suggestion) -> None:
        self.busy.hide()
        self.banner.clear()
        self._suggestion = suggestion
        self.about.setText(f"{suggestion.title}: {model_words(suggestion.facts)}")
        self.context.set_largest(max(suggestion.facts.trained_context, self.context.tokens))
        self.fits.show_rows(suggestion.fits)
        self._show_result(bool(suggestion.fits))
        self.table.selectRow(first_pick(suggestion))

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        self.busy.hide()
        self._show_result(False)
        super().show_error(error)

    def _show_result(self, shown: bool) -> None:
        for widget in (self.about, self.card, self.heading, self.table):
            widget.setVisible(shown)
        self.empty.setVisible(not shown)

    @Slot()
    def _ask(self) -> None:
        if self.picker.path:
            self.suggestion_wanted.emit(self.picker.path, self.context.tokens)

    @Slot(object)
    def _on_picked(self, fit: Fit) -> None:
        assert self._suggestion
        self._fit = fit
        self.card.show_fit(self._suggestion, fit)

    @Slot(object)
    def _on_go(self, step: Step) -> None:
        if step.do == "chat":
            self.chat_wanted.emit(step.path)
        elif step.do == "convert" and self._fit:
            self.convert_wanted.emit(step.path, self._fit.format.id)
