"""Comparing the formats of a model: what was measured is read, and what was not is measured, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal, Slot
from PySide6.QtGui import QImage

from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.models.compare import Comparison, Contender, read_comparison
from desktop.models.compare_export import write_reports
from desktop.pages.compare import ComparePage
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.chat.history.store import History
from engine.errors import Cancelled, DiskFull, EngineError, Refused
from engine.events import Event
from engine.machine.facts import Machine
from engine.measure.choose import Rule, room_of
from engine.measure.export import Votes
from engine.measure.options import MeasureOptions
from engine.measure.original import original_of
from engine.measure.report import Report
from engine.measure.run import DOING, Measurement
from engine.measure.store import Store
from engine.measure.votes import tallies

_RULE = "compare/rule"
_ENDS_ALL = (Cancelled, DiskFull, Refused)  # the others of the queue would end in the same way


class CompareFlow(QObject):
    """``store`` keeps the person's rule.

    ``entries_shown`` carries what can be chosen now; ``comparison_shown`` and ``all_measured`` come after the page
    has shown it.
    """

    entries_shown = Signal(object)
    comparison_shown = Signal()
    all_measured = Signal()

    def __init__(self, state: State, page: ComparePage, store: QSettings) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._store = store
        self._entries: tuple[Checkpoint, ...] = ()
        self._left: list[Contender] = []
        self._asked = 0
        self._options = MeasureOptions()
        self._running: JobThread | None = None
        self._reading = Latest(state.jobs)
        self._reading.finished.connect(page.show_comparison)
        self._reading.finished.connect(self._on_read)
        self._reading.failed.connect(page.show_error)
        page.show_rule(_rule_in(store))
        page.comparison_wanted.connect(self._read)
        page.measure_wanted.connect(self.measure)
        page.cancel_wanted.connect(self._cancel)
        page.rule_changed.connect(self._keep_rule)
        page.export_wanted.connect(self._export)
        state.machine_found.connect(self._on_machine)

    def show_entries(self, entries: Sequence[Checkpoint]) -> None:
        """Take what there is now; a comparison that is shown follows."""
        self._entries = tuple(entries)
        self._page.show_library(entries)
        self.read_again()
        self.entries_shown.emit(self._entries)

    @Slot(Path)
    def open(self, path: Path) -> None:
        self._state.page_wanted.emit("compare")
        self._page.choose(path)

    @Slot(Path)
    def _read(self, path: Path) -> None:
        job = Call(_compared, path, self._entries, self._state.library, self._usual_options())
        self._reading.start(job)

    @Slot()
    def read_again(self) -> None:
        """Read what is shown once more: something was measured, or voted on."""
        if self._page.picker.path and self._page.contenders:
            self._read(self._page.picker.path)

    def _usual_options(self) -> MeasureOptions:
        values = self._state.settings
        return MeasureOptions(
            context_tokens=values["context_tokens"], gpu_layers=values["gpu_layers"], threads=values["threads"]
        )

    @Slot(list, bool)
    def measure(self, contenders: list[Contender], quick: bool) -> None:
        """Measure them one after the other."""
        options = self._usual_options()
        self._options = options.quick() if quick else options
        self._left, self._asked = list(contenders), len(contenders)
        self._next()

    def _next(self) -> None:
        self._running = None
        if not self._left:
            self._page.show_ended()
            return
        contender = self._left.pop(0)
        title = self.tr("Measuring {format}").format(format=contender.label)
        if self._asked > 1:
            title = self.tr("Measuring {format} ({number} of {count})").format(
                format=contender.label, number=self._asked - len(self._left), count=self._asked
            )
        thread = self._state.jobs.start(Measuring(contender.model, self._entries, self._options), title)
        self._running = thread
        thread.progressed.connect(self._page.show_progress)
        thread.noticed.connect(self._page.show_notice)
        thread.finished.connect(self._on_measured)
        thread.failed.connect(self._on_failed)
        self._page.show_started(title)

    @Slot(object)
    def _on_read(self, _comparison: object) -> None:
        self.comparison_shown.emit()
        if self._asked and not self._left and self._running is None:
            self._asked = 0
            self.all_measured.emit()

    @Slot(object)
    def _on_measured(self, _report: object) -> None:
        self.read_again()
        self._next()

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, _ENDS_ALL):
            self._left.clear()
            self._asked = 0
        self._next()
        self._page.show_error(error)

    @Slot()
    def _cancel(self) -> None:
        self._left.clear()
        if self._running:
            self._running.cancel()

    @Slot(Path, list, object, object)
    def _export(self, path: Path, reports: list[Report], picture: QImage, votes: Votes) -> None:
        thread = self._state.jobs.start(Call(write_reports, path, reports, picture, votes))
        thread.finished.connect(self._page.show_exported)
        thread.failed.connect(self._page.show_error)

    @Slot(object)
    def _on_machine(self, machine: Machine) -> None:
        self._page.show_room(room_of(machine))

    @Slot(object)
    def _keep_rule(self, rule: Rule) -> None:
        self._store.setValue(_RULE, [rule.memory_left_bytes, rule.least_tokens_s, rule.most_divergence])


class Measuring:
    """A :class:`Measurement` of a model against the most precise of its formats among ``entries``."""

    def __init__(self, model: Checkpoint, entries: Sequence[Checkpoint], options: MeasureOptions) -> None:
        self._model = model
        self._entries = entries
        self._options = options
        self._lock = threading.Lock()
        self._cancelled = False
        self._job: Measurement | None = None

    def __iter__(self) -> Iterator[Event]:
        """Raise what :class:`Measurement` raises."""
        reference = original_of(self._model, [entry for entry in self._entries if not entry.damaged])
        with self._lock:
            if self._cancelled:
                raise Cancelled(DOING[:1].upper() + DOING[1:])
            self._job = job = Measurement(self._model, reference, self._options)
        yield from job

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._job:
                self._job.cancel()


def _compared(path: Path, entries: Sequence[Checkpoint], library: Library, options: MeasureOptions) -> Comparison:
    return read_comparison(path, entries, library, options, Store(), _votes())


def _votes() -> Votes:
    try:
        with History(writing=False) as history:
            return tallies(history.votes())
    except EngineError:  # nobody has chatted here yet, or the store says so itself
        return {}


def _rule_in(store: QSettings) -> Rule:
    """Return the rule that was kept, or the usual one."""
    try:
        memory, speed, divergence = (float(value) for value in store.value(_RULE))
    except (TypeError, ValueError):
        return Rule()
    return Rule(round(memory), speed, divergence)
