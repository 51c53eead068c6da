"""Make a format of a model: what it will take, one button, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot

from desktop.faults import Button, Do, fault_of
from desktop.models.plan_words import Prepared, fact_words, made_words
from desktop.widgets.card import Card
from desktop.widgets.controls import button, clear, column, fill, frame, paragraph, row
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.fact_list import FactList
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.format_picker import FormatPicker
from desktop.widgets.manner_choice import MannerChoice
from desktop.widgets.model_picker import ModelPicker
from desktop.widgets.page import Page
from desktop.widgets.progress_line import ProgressLine
from desktop.widgets.waiting_list import WaitingList
from engine.catalog.checkpoint import Checkpoint
from engine.errors import EngineError
from engine.events import Notice, Progress

USUAL_FORMAT = "gguf-q4_k_m"


class ConvertPage(Page):
    """Plan conversions and watch them: one runs, others wait for their turn.

    ``plan_wanted`` (path, format id, manner) asks for a plan; ``start_wanted`` (that plan, its manner),
    ``cancel_wanted`` and ``chat_wanted`` (path) are the buttons. :attr:`waiting` and :attr:`manner` have signals of
    their own.
    """

    plan_wanted = Signal(Path, str, object)
    start_wanted = Signal(object, object)
    cancel_wanted = Signal()
    chat_wanted = Signal(Path)

    def __init__(self) -> None:
        super().__init__(self.tr("Convert"), self.tr("Make the format that fits. The original stays as it is."))
        self._prepared: Prepared | None = None
        self._way: Button | None = None
        self._running = False
        self._lead_on = False  # whether the plan's button gets the focus: not while the person is choosing
        self.picker = ModelPicker()
        self.picker.chosen.connect(self._ask)
        self.formats = FormatPicker(USUAL_FORMAT)
        self.formats.chosen.connect(self._ask)
        self.manner = MannerChoice()
        self.manner.chosen.connect(self._ask)
        self.manner.show_format(USUAL_FORMAT)
        self.choice = frame("card")
        fill(self.choice, self.picker, self.formats, self.manner)
        self.waiting = WaitingList()
        self.empty = EmptyState(
            "convert",
            self.tr("Choose a model to convert"),
            self.tr(
                "A model's folder has config.json and safetensors files. You see what it takes before anything starts."
            ),
        )
        self.looking = ProgressLine(self.tr("Looking at the model"))
        self._make_plan_card()
        self._make_running_card()
        self._make_result_card()
        stages = (self.looking, self.empty, self.plan_card)
        for widget in (self.choice, *stages, self.running_card, self.waiting, self.result_card):
            self.column.addWidget(widget)
        self.running_card.hide()
        self.result_card.hide()
        self.column.addStretch(1)
        self._show_only(self.empty)

    def retry(self) -> None:
        self._ask()

    def show_library(self, entries: Sequence[Checkpoint]) -> None:
        self.picker.show_library(entries)

    def choose(self, path: Path, format_id: str = "") -> None:
        """Choose a model and a format, as if the person had, and ask for the plan. A running conversion stays."""
        self.picker.choose(path)
        if format_id:
            self.formats.choose(format_id)
        self._ask()
        self._lead_on = True

    @Slot(object)
    def show_plan(self, prepared: Prepared) -> None:
        self._prepared = prepared
        planned = prepared.plan
        self.plan_card.heading.setText(self.tr("Convert to {format}").format(format=prepared.plan.makes))
        self._facts.show_facts(fact_words(prepared))
        clear(self._remarks)
        for obstacle in planned.obstacles:
            self._remarks.addWidget(paragraph(obstacle, "bad"))
        self._show_way(planned.problems)
        for note in planned.notes:
            self._remarks.addWidget(paragraph(note))
        self._show_start(prepared)
        self.chat_before.setVisible(prepared.made_before)
        self._show_only(self.plan_card)
        if self._lead_on:
            self.start.setFocus(Qt.FocusReason.OtherFocusReason)
        self._lead_on = False

    def _show_way(self, problems: Sequence[EngineError]) -> None:
        """Show where missing packages are set up."""
        ways = (way for problem in problems for way in fault_of(problem).buttons if way.do is Do.ENVIRONMENTS)
        self._way = next(ways, None)
        if self._way:
            self.set_up = button(self._way.label, "", "download")
            self.set_up.clicked.connect(self._on_set_up)
            self._remarks.addLayout(row(self.set_up, None))

    @Slot()
    def _on_set_up(self) -> None:
        if self._way:
            self.way_chosen.emit(self._way)

    def show_started(self, title: str, *, by_person: bool = True) -> None:
        """Show a conversion that begins; one whose turn it is takes neither focus nor the plan that is looked at."""
        self._running = True
        self.running_card.heading.setText(title)
        self.progress.restart()
        clear(self._notices)
        self.cancel.setEnabled(True)
        self.cancel.setText(self.tr("Cancel"))
        self.running_card.show()
        if by_person:
            self._show_only(None)
            self.result_card.hide()
            self.cancel.setFocus()
        elif self._prepared:
            self._show_start(self._prepared)

    def show_queued(self) -> None:
        """Make room for the next choice: what was planned stands in the line now."""
        self._prepared = None
        self._show_only(None)
        self.picker.list.setFocus()

    @Slot(Progress)
    def show_progress(self, progress: Progress) -> None:
        self.progress.show_progress(progress)

    @Slot(Notice)
    def show_notice(self, notice: Notice) -> None:
        self._notices.addWidget(paragraph(notice.text, "warning" if notice.level == "warning" else "muted"))

    @Slot(object)
    def show_made(self, made: Checkpoint) -> None:
        self._end()
        self._made = made
        self._made_facts.show_facts(made_words(made))
        self.result_card.heading.setText(self.tr("Done: {model}").format(model=made.title))
        self.result_card.show()
        if not self._is_choosing:
            self.chat.setFocus()

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        """Say why there is no plan."""
        self._show_only(self.plan_card if self._prepared else self.empty)
        super().show_error(error)

    @Slot(Exception)
    def show_failed(self, error: BaseException) -> None:
        """Say why the conversion that ran came to nothing; what is being chosen meanwhile stays."""
        self._end()
        if not self._is_choosing:
            self._show_only(self.plan_card if self._prepared else self.empty)
        super().show_error(error)

    def _make_plan_card(self) -> None:
        self.plan_card = Card("", "convert", "pick")
        self._facts = FactList()
        self._remarks = column()
        self.start = button("", "primary", "convert")
        self.start.clicked.connect(self._on_start)
        self.chat_before = button(self.tr("Chat with the one that is there"), "", "chat")
        self.chat_before.clicked.connect(self._on_chat_before)
        self.plan_card.body.addWidget(self._facts)
        self.plan_card.body.addLayout(self._remarks)
        self.plan_card.body.addLayout(FlowLayout(self.start, self.chat_before))

    def _make_running_card(self) -> None:
        self.running_card = Card("", "convert")
        self.progress = ProgressLine(self.tr("Converting"))
        self._notices = column()
        self.cancel = button(self.tr("Cancel"), "", "close")
        self.cancel.clicked.connect(self._on_cancel)
        self.running_card.body.addWidget(self.progress)
        self.running_card.body.addLayout(self._notices)
        self.running_card.body.addLayout(row(self.cancel, None))

    def _make_result_card(self) -> None:
        self.result_card = Card(self.tr("Done"), "check", "pick")
        self._made: Checkpoint | None = None
        self._made_facts = FactList()
        self.chat = button(self.tr("Chat with it"), "primary", "chat")
        self.chat.clicked.connect(self._on_chat)
        self.another = button(self.tr("Convert another"), "", "convert")
        self.another.clicked.connect(self._on_another)
        self.result_card.body.addWidget(self._made_facts)
        self.result_card.body.addLayout(row(self.chat, self.another, None))

    def _show_only(self, shown: object) -> None:
        for part in (self.empty, self.looking, self.plan_card):
            part.setVisible(part is shown)

    @property
    def _is_choosing(self) -> bool:
        return not (self.plan_card.isHidden() and self.looking.isHidden())

    def _end(self) -> None:
        self._running = False
        self.running_card.hide()
        if self._prepared:
            self._show_start(self._prepared)

    def _show_start(self, prepared: Prepared) -> None:
        words = self.tr("Convert to {format} afterwards") if self._running else self.tr("Convert to {format}")
        words = words.format(format=prepared.plan.makes)
        self.start.setText(words)
        self.start.setAccessibleName(words)
        self.start.setEnabled(not prepared.plan.obstacles)

    @Slot()
    def _ask(self) -> None:
        self.banner.clear()
        self.manner.show_format(self.formats.recipe_id)
        if self.picker.path:
            self._prepared = None
            self.looking.restart(self.tr("Looking at the model…"))
            self._show_only(self.looking)
            self.plan_wanted.emit(self.picker.path, self.formats.recipe_id, self.manner.manner)

    @Slot()
    def _on_start(self) -> None:
        if self._prepared:
            self.banner.clear()
            self.start_wanted.emit(self._prepared.plan, self._prepared.manner)

    @Slot()
    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel.setText(self.tr("Stopping…"))
        self.cancel_wanted.emit()

    @Slot()
    def _on_chat(self) -> None:
        if self._made:
            self.chat_wanted.emit(self._made.path)

    @Slot()
    def _on_chat_before(self) -> None:
        if self._prepared:
            self.chat_wanted.emit(self._prepared.plan.target)

    @Slot()
    def _on_another(self) -> None:
        self.result_card.hide()
        self._show_only(self.empty)
        self.picker.list.setFocus()
