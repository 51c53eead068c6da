"""Serve a model for many users: choose the cards, see what they come to, copy or save what starts the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QDialog, QFileDialog, QTabBar, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.serve_words import HandedOver, Text, Wanted, fact_words
from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph
from desktop.widgets.controls import column as stacked
from desktop.widgets.fact_list import FactList
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.script_view import ScriptView
from desktop.widgets.scroll_column import ScrollColumn
from desktop.widgets.serve_choice import ServeChoice
from engine.catalog.checkpoint import Checkpoint
from engine.errors import EngineError, UnsupportedModel
from engine.handover.batch import Batch
from engine.handover.cards import Card

_ABOUT = QT_TR_NOOP(
    "vLLM answers many people at once on NVIDIA cards, here or elsewhere. Halfbyte writes what starts it; it starts "
    "nothing itself."
)


class ServeDialog(QDialog):
    """``wanted`` carries each :class:`Wanted`, ``batch_wanted`` one with a file of prompts."""

    wanted = Signal(object)
    batch_wanted = Signal(object, Path)

    def __init__(
        self, model: Checkpoint, cards: Sequence[tuple[str, Card | None]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model = model
        self._texts: tuple[Text, ...] = ()
        self.setWindowTitle(self.tr("Serve {model} for many users").format(model=model.title))
        self.choice = ServeChoice(cards)
        self.choice.changed.connect(self.ask)
        self.problem = label("", "warning", wraps=True)
        self.facts = FactList()
        self.tabs = QTabBar()
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.setAccessibleName(self.tr("Forms"))
        self.tabs.currentChanged.connect(self._show_text)
        self.script = ScriptView(self.tr("What starts the server"))
        self.batch = button(
            self.tr("Evaluate a file of prompts…"),
            "",
            "file",
            self.tr("A job for vLLM's batch runner, beside the file"),
        )
        self.batch.clicked.connect(self._on_batch)
        self.shut = button(self.tr("Close"))
        self.shut.clicked.connect(self.accept)
        self._lay_out()

    @property
    def chosen(self) -> Wanted:
        choice = self.choice
        return Wanted(
            self._model,
            choice.card,
            choice.gpus.value(),
            choice.nodes.value(),
            choice.users.value(),
            choice.context_tokens,
        )

    @Slot()
    def ask(self) -> None:
        """Ask for what the choice comes to; what is shown stays until then."""
        self.wanted.emit(self.chosen)

    @Slot(object)
    def show_written(self, written: HandedOver) -> None:
        self._show_problem(written.problem)
        self.facts.show_facts(fact_words(written.way) if written.way else ())
        self.facts.setVisible(written.way is not None)
        self.batch.setEnabled(written.way is not None)
        self._show_texts(written.texts)

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        """Say why nothing can be written for this model."""
        self._show_problem(error)
        self.facts.hide()
        self.batch.setEnabled(False)
        self._show_texts(())

    @Slot(object)
    def show_batch(self, batch: Batch) -> None:
        self._show_texts((Text(self.tr("Batch"), "evaluate.sh", batch.command + "\n"), *self._texts))
        self.tabs.setCurrentIndex(0)
        how = self.tr("This command runs it, where the cards are.")
        self.script.said.setText(f"{batch.words} {how}")

    @Slot(Exception)
    def show_batch_error(self, error: BaseException) -> None:
        self.script.said.setText(_words(error))

    def _show_problem(self, error: BaseException | None) -> None:
        self.problem.setText(_words(error) if error else "")
        self.problem.setVisible(error is not None)

    def _show_texts(self, texts: tuple[Text, ...]) -> None:
        """Show a tab for each form; the one that was shown stays."""
        shown = self.tabs.tabText(self.tabs.currentIndex())
        self._texts = ()
        while self.tabs.count():
            self.tabs.removeTab(0)
        self._texts = texts
        for text in texts:
            at = self.tabs.addTab(text.title)
            self.tabs.setTabToolTip(at, text.problem)
        titles = [text.title for text in texts]
        self.tabs.setCurrentIndex(titles.index(shown) if shown in titles else 0)
        self.script.setVisible(bool(texts))
        self.script.show_text("", "")
        self._show_text()

    @Slot()
    def _show_text(self) -> None:
        at = self.tabs.currentIndex()
        if 0 <= at < len(self._texts):
            shown = self._texts[at]
            self.script.show_text(shown.text, shown.file_name)
            self.script.said.setText(shown.problem)

    @Slot()
    def _on_batch(self) -> None:
        kinds = self.tr("Prompts, one a line (*.txt *.jsonl);;All files (*)")
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Prompts to evaluate, one a line"), str(Path.home()), kinds
        )
        if chosen:
            self.batch_wanted.emit(self.chosen, Path(chosen))

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setProperty("role", "page")
        column = QVBoxLayout(inner)
        column.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.M)
        column.setSpacing(scale.M)
        add(
            column,
            [
                label(self.tr("Serve {model} for many users").format(model=self._model.title), "heading", wraps=True),
                paragraph(tr(_ABOUT)),
            ],
        )
        add(column, [self.choice, self.problem, self.facts, self.tabs, self.script])
        column.setStretch(column.count() - 1, 1)
        column.addStretch(0)  # takes the room where there is no script to take it
        buttons = FlowLayout(self.script.copy, self.script.save, self.batch, self.shut)  # a narrow screen has two rows
        foot = stacked(self.script.said, buttons, spacing=scale.S)
        foot.setContentsMargins(scale.XL, scale.S, scale.XL, scale.L)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        add(layout, [ScrollColumn(inner, self.tr("Serve for many users")), foot])
        layout.setStretch(0, 1)
        self.problem.hide()
        self.facts.hide()
        self.batch.setEnabled(False)
        self.resize(QSize(760, 760).boundedTo(self.screen().availableSize() * 0.9))


def _words(error: BaseException) -> str:
    if isinstance(error, UnsupportedModel):
        return f"vLLM {error.details['reason']}."  # it is about the format, and names the ways round
    return f"{error.message} {error.hint}".strip() if isinstance(error, EngineError) else tr("Halfbyte made a mistake.")
