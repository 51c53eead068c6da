"""What each format of a model costs and loses on this computer, measured; and which is the best for the person."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot

from desktop.faults import Button, Do
from desktop.language import tr
from desktop.models.compare import Comparison, Contender, Ranked, Room, in_order, rank
from desktop.models.compare_chart import Point, points_of
from desktop.models.compare_table import CompareModel, place_words
from desktop.quantities import size
from desktop.widgets.card import Card
from desktop.widgets.compare_best import BestCard
from desktop.widgets.compare_chart import CompareChart
from desktop.widgets.compare_export import ExportButton
from desktop.widgets.compare_table import CompareTable
from desktop.widgets.controls import button, fill, frame, label, paragraph, row
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.fields import Choice
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.model_picker import ModelPicker
from desktop.widgets.note_strip import NoteStrip
from desktop.widgets.page import Page
from desktop.widgets.progress_line import ProgressLine
from engine.catalog.checkpoint import Checkpoint
from engine.events import Notice, Progress
from engine.measure.choose import Rule
from engine.measure.export import footnote
from engine.measure.original import stem

_WIDTH = 1080  # the table has ten columns


class ComparePage(Page):
    """Show a :class:`Comparison`.

    ``comparison_wanted`` (path) asks for one; ``measure_wanted`` (the contenders, whether quickly) and
    ``cancel_wanted`` are its buttons; ``export_wanted`` carries a file, the reports, the chart's picture and the votes;
    ``rule_changed`` the rule; ``chat_wanted``, ``convert_wanted`` and ``make_all_wanted`` a path.
    """

    comparison_wanted = Signal(Path)
    measure_wanted = Signal(list, bool)
    cancel_wanted = Signal()
    export_wanted = Signal(Path, list, object, object)
    rule_changed = Signal(object)
    chat_wanted = Signal(Path)
    convert_wanted = Signal(Path)
    make_all_wanted = Signal(Path)

    def __init__(self) -> None:
        super().__init__(
            self.tr("Compare"), self.tr("What each format of a model costs and loses here, measured."), _WIDTH
        )
        self._comparison: Comparison | None = None
        self._room: Room | None = None
        self._picked: Contender | None = None
        self._running = False
        self._make_choice()
        self.empty = EmptyState(
            "compare",
            self.tr("Choose a model to compare"),
            self.tr(
                "Pick one of your library above. All its formats that are here are listed, and one click measures them."
            ),
        )
        self.looking = ProgressLine(self.tr("Looking for the formats of this model"))
        self._make_running_card()
        self.best = BestCard(Rule())
        self.best.chat_wanted.connect(self.chat_wanted)
        self.best.rule.changed.connect(self._on_rule)
        self._make_table_card()
        self._make_chart_card()
        self.note = NoteStrip()
        for widget in (
            self.note,
            self.choice,
            self.empty,
            self.looking,
            self.running_card,
            self.best,
            self.table_card,
            self.chart_card,
        ):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        for widget in (self.looking, self.running_card, self.best, self.table_card, self.chart_card):
            widget.hide()

    @property
    def is_quick(self) -> bool:
        return self.effort.currentIndex() == 0

    @property
    def contenders(self) -> tuple[Contender, ...]:
        """The formats as they are shown: with what was measured at the chosen depth."""
        if self._comparison is None:
            return ()
        return self._comparison.quick if self.is_quick else self._comparison.thorough

    def retry(self) -> None:
        self._ask()

    def show_library(self, entries: Sequence[Checkpoint]) -> None:
        self.picker.show_library(entries)

    def choose(self, path: Path) -> None:
        """Choose a model, as if the person had."""
        if not self._running:
            self.picker.choose(path)
            self._ask()

    @Slot(object)
    def show_room(self, room: Room) -> None:
        """Take the memory that is free: the rule needs it."""
        self._room = room
        self._show_ranked()

    def show_rule(self, rule: Rule) -> None:
        self.best.rule.show_rule(rule)

    @Slot(object)
    def show_comparison(self, found: Comparison) -> None:
        """Show a model's formats. Of another model than before, the depth is shown that more was measured at."""
        if self._comparison is None or self._comparison.model.path != found.model.path:
            self.effort.setCurrentIndex(0 if found.is_quick else 1)
        self._comparison = found
        self.looking.hide()
        self.empty.hide()
        self.table_card.show()
        self._show_ranked()

    @Slot(str)
    def show_started(self, title: str) -> None:
        """Say what is measured now."""
        if not self._running:
            self.banner.clear()
            self.cancel.setText(self.tr("Cancel"))
            self.cancel.setEnabled(True)
        self._running = True
        self.running_card.heading.setText(title)
        self.progress.restart()
        self.notice.hide()
        self.running_card.show()
        self._show_buttons()

    @Slot(Progress)
    def show_progress(self, progress: Progress) -> None:
        self.progress.show_progress(progress)

    @Slot(Notice)
    def show_notice(self, notice: Notice) -> None:
        self.notice.setText(notice.text)
        self.notice.show()

    @Slot()
    def show_ended(self) -> None:
        """Nothing more is measured."""
        self._running = False
        self.running_card.hide()
        self._show_buttons()

    @Slot(object)
    def show_exported(self, path: Path) -> None:
        """Say where the file is, with a way to its folder."""
        open_folder = Button(Do.OPEN_FOLDER, self.tr("Open the folder"), str(path.parent))
        self.note.show_note(
            self.tr("{path} was written.").format(path=path.name),
            (self.tr("Open the folder"), partial(self.way_chosen.emit, open_folder)),
        )

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        self.looking.hide()
        self.empty.setVisible(self._comparison is None)
        super().show_error(error)

    def _make_choice(self) -> None:
        self.picker = ModelPicker()
        self.picker.chosen.connect(self._ask)
        self.effort = Choice()
        self.effort.addItems(
            [self.tr("Quick: enough to rank the formats"), self.tr("Thorough: smaller errors, takes about three times")]
        )
        self.effort.currentIndexChanged.connect(self._on_depth)
        self.choice = frame("card")
        depth = row(label(self.tr("Mea&sure"), "muted", buddy=self.effort), self.effort, None)
        fill(self.choice, self.picker, depth)

    def _make_running_card(self) -> None:
        self.running_card = Card("", "compare")
        self.progress = ProgressLine(self.tr("Measuring"))
        self.notice = paragraph()
        self.cancel = button(self.tr("Cancel"), "", "close", self.tr("What was measured so far is kept."))
        self.cancel.clicked.connect(self._on_cancel)
        self.running_card.body.addWidget(self.progress)
        self.running_card.body.addWidget(self.notice)
        self.running_card.body.addLayout(row(self.cancel, None))

    def _make_table_card(self) -> None:
        self.formats = CompareModel()
        self.table = CompareTable(self.formats)
        self.table.picked.connect(self._on_picked)
        self.why = paragraph()
        self.all = button(self.tr("Measure all"), "primary", "compare")
        self.all.clicked.connect(self._on_all)
        self.one = button(self.tr("Measure"), "", "compare")
        self.one.clicked.connect(self._on_one)
        self.make_all = button(
            self.tr("Make all and compare"), "", "convert", self.tr("Makes the levels worth having, and measures them.")
        )
        self.make_all.clicked.connect(self._on_make_all)
        self.make = button(self.tr("Make another format"), "quiet", "convert")
        self.make.clicked.connect(self._on_make)
        self.about = paragraph("", "caption")
        self.table_card = frame("page", margins=0)
        self.export = ExportButton()
        self.export.chosen.connect(self._on_export)
        buttons = FlowLayout(self.all, self.one, self.make_all, self.make, self.export)
        fill(
            self.table_card,
            label(self.tr("Formats of this model"), "heading"),
            buttons,
            self.table,
            self.why,
            self.about,
        )

    def _make_chart_card(self) -> None:
        self.chart = CompareChart()
        self.chart.picked.connect(self._on_point)
        self.chart_card = Card(self.tr("Size against quality"), "compare")
        self.chart_card.body.addWidget(self.chart)

    def _show_ranked(self) -> None:
        if self._comparison is None:
            return
        picked = self._picked.model.path if self._picked else self._comparison.model.path
        ranked = rank(self.contenders, self.best.rule.rule, self._room) if self._room else _unranked(self.contenders)
        self.best.show_ranked(ranked)
        self.formats.show_rows(ranked)
        self.export.setEnabled(any(row.contender.report for row in ranked))
        self.export.name = stem(self._comparison.model)
        points = points_of(ranked)
        self.chart.show_points(points)
        self.chart_card.setVisible(bool(points))
        self.table.select(picked)
        self.about.setText(self._about(ranked))
        self._show_buttons()

    def _about(self, ranked: Sequence[Ranked]) -> str:
        notes = list(dict.fromkeys(footnote(each.contender.report) for each in ranked if each.contender.report))
        if self._room and notes:
            notes.append(self.tr("{size} of memory were free.").format(size=size(self._room.free_bytes)))
        return " ".join(notes)

    def _show_buttons(self) -> None:
        left = in_order(self.contenders)
        self.all.setText(_all_words(self.contenders))
        self.all.setAccessibleName(self.all.text())
        self.all.setVisible(len(self.contenders) > 1)
        self.all.setEnabled(bool(left) and not self._running)
        words = self.tr("Measure {format}").format(format=self._picked.label) if self._picked else ""
        self.one.setText(words or self.tr("Measure the selected one"))
        self.one.setAccessibleName(self.one.text())
        self.one.setEnabled(self._picked is not None and self._picked.can_measure and not self._running)
        self.make_all.setEnabled(not self._running)
        self.picker.setEnabled(not self._running)
        self.effort.setEnabled(not self._running)

    @Slot()
    def _ask(self) -> None:
        self.banner.clear()
        if self.picker.path:
            self._picked = None
            self.empty.hide()
            self.looking.restart(self.tr("Looking for the formats of this model…"))
            self.looking.show()
            self.comparison_wanted.emit(self.picker.path)

    @Slot(object)
    def _on_rule(self, rule: Rule) -> None:
        self._show_ranked()
        self.rule_changed.emit(rule)

    @Slot(int)
    def _on_depth(self, _index: int) -> None:
        self._show_ranked()

    @Slot(object)
    def _on_picked(self, ranked: Ranked | None) -> None:
        self._picked = ranked.contender if ranked else None
        self.why.setText(f"{ranked.contender.label}: {place_words(ranked)}" if ranked else "")
        self._show_buttons()

    @Slot(object)
    def _on_point(self, point: Point) -> None:
        self.table.select(point.path)

    @Slot()
    def _on_all(self) -> None:
        self.measure_wanted.emit(in_order(self.contenders), self.is_quick)

    @Slot()
    def _on_one(self) -> None:
        if self._picked:
            self.measure_wanted.emit([self._picked], self.is_quick)

    @Slot()
    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel.setText(self.tr("Stopping…"))
        self.cancel_wanted.emit()

    @Slot(Path)
    def _on_export(self, path: Path) -> None:
        reports = [row.contender.report for row in self.formats.rows if row.contender.report]
        contenders = [row.contender for row in self.formats.rows]
        votes = {each.report.sha256: each.tally for each in contenders if each.report and each.tally}
        self.export_wanted.emit(path, reports, self.chart.picture(), votes)

    @Slot()
    def _on_make_all(self) -> None:
        if self._comparison:
            self.banner.clear()
            self.make_all_wanted.emit(self._comparison.model.path)

    @Slot()
    def _on_make(self) -> None:
        if self._comparison:
            self.convert_wanted.emit(self._comparison.model.path)


def _all_words(contenders: Sequence[Contender]) -> str:
    if not any(each.can_measure for each in contenders):
        return tr("All are measured")
    return tr("Measure the others") if any(each.report for each in contenders) else tr("Measure all")


def _unranked(contenders: Sequence[Contender]) -> tuple[Ranked, ...]:
    return tuple(Ranked(each) for each in contenders)
