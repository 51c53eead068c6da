"""“Make all and compare”: the levels worth having are made, measured, and all but the best offered for deletion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from desktop.flows.compare import CompareFlow
from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.language import tr
from desktop.models.compare import in_order
from desktop.pages.compare import ComparePage
from desktop.quantities import duration, size
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.removal import Removed, Removing, plan_removal, restoring
from engine.convert.plan import Plan
from engine.convert.run import Conversions
from engine.convert.worth import result_bytes, worth_making
from engine.events import Finished


class MakeAllFlow(QObject):
    """One model at a time: planned, made, measured, tidied up; the page shows where it is."""

    def __init__(self, state: State, page: ComparePage, comparing: CompareFlow) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._comparing = comparing
        self._made: tuple[Checkpoint, ...] = ()
        self._step = ""
        self._running: JobThread | None = None
        self._planning = Latest(state.jobs)
        self._planning.finished.connect(self._on_planned)
        self._planning.failed.connect(page.show_error)
        page.make_all_wanted.connect(self._plan)
        page.cancel_wanted.connect(self._cancel)
        comparing.entries_shown.connect(self._on_entries)
        comparing.comparison_shown.connect(self._on_comparison)
        comparing.all_measured.connect(self._on_measured)

    @Slot(Path)
    def _plan(self, path: Path) -> None:
        machine, context_tokens = self._state.machine, self._state.settings["context_tokens"]
        if machine is None:
            return
        memory_bytes = machine.memory.total_bytes
        job = Call(worth_making, path, self._state.library, memory_bytes, context_tokens, doing=self.tr("Planning"))
        self._planning.start(job)

    @Slot(object)
    def _on_planned(self, plans: tuple[Plan, ...]) -> None:
        can_begin = not any(plan.problems for plan in plans)
        way = (self.tr("Make and measure them"), partial(self._make, plans))
        level = "info" if can_begin else "warning"
        self._page.note.show_note(_planned_words(plans), *((way,) if can_begin else ()), level=level)

    def _make(self, plans: tuple[Plan, ...]) -> None:
        title = tr("Making %Ln format(s) of {model}", "", len(plans)).format(model=plans[0].source.path.name)
        self._running = thread = self._state.jobs.start(Conversions(plans), title)
        thread.progressed.connect(self._page.show_progress)
        thread.noticed.connect(self._page.show_notice)
        thread.finished.connect(self._on_made)
        thread.failed.connect(self._on_failed)
        self._page.show_started(title)

    @Slot(object)
    def _on_made(self, made: tuple[Checkpoint, ...]) -> None:
        self._running, self._made, self._step = None, made, "listing"
        self._page.show_ended()
        self._state.library_changed.emit()

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        self._running = None
        self._page.show_ended()
        self._page.show_error(error)
        self._state.library_changed.emit()

    @Slot()
    def _cancel(self) -> None:
        self._step = ""
        if self._running:
            self._running.cancel()

    @Slot(object)
    def _on_entries(self, entries: Sequence[Checkpoint]) -> None:
        if self._step == "listing" and {each.path for each in self._made} <= {each.path for each in entries}:
            self._step = "reading"
            self._page.choose(self._made[0].path)

    @Slot()
    def _on_comparison(self) -> None:
        paths = {each.model.path for each in self._page.contenders}
        if self._step == "reading" and {each.path for each in self._made} <= paths:
            self._step = "measuring"
            if left := in_order(self._page.contenders):
                self._comparing.measure(left, self._page.is_quick)
            else:
                self._on_measured()

    @Slot()
    def _on_measured(self) -> None:
        best = self._page.best.path
        if self._step != "measuring" or best is None:
            return
        self._step = ""
        others = tuple(each for each in self._made if each.path != best)
        if others:
            words = self.tr("{best} is the best for you. The other {formats} that were made take {size}.").format(
                best=best.name, formats=_of(others), size=_bytes(others)
            )
            self._page.note.show_note(words, (self.tr("Delete the others…"), partial(self._ask, others)))

    def _ask(self, others: tuple[Checkpoint, ...]) -> None:
        names = ", ".join(each.title for each in others)
        consequence = self.tr("{names}: {size} go to the trash. What was measured of them is kept.").format(
            names=names, size=_bytes(others)
        )
        dialog = ConfirmDialog(
            self.tr("Delete {formats}?").format(formats=_of(others)), consequence, self.tr("Delete them"), self._page
        )
        dialog.accepted.connect(partial(self._delete, others))
        dialog.open()

    def _delete(self, others: tuple[Checkpoint, ...]) -> None:
        title = self.tr("Deleting {formats}").format(formats=_of(others))
        thread = self._state.jobs.start(Call(_removed, others, self._state.library, doing=title), title)
        thread.finished.connect(self._on_removed)
        thread.failed.connect(self._on_failed)

    @Slot(object)
    def _on_removed(self, removed: tuple[Removed, ...]) -> None:
        freed = size(sum(each.freed_bytes for each in removed))
        back = (
            ((self.tr("Put them back"), partial(self._restore, removed)),)
            if all(each.can_undo for each in removed)
            else ()
        )
        self._page.note.show_note(self.tr("{freed} were freed.").format(freed=freed), *back)
        self._state.library_changed.emit()

    def _restore(self, removed: tuple[Removed, ...]) -> None:
        thread = self._state.jobs.start(Call(_restored, removed), self.tr("Putting the formats back"))
        thread.finished.connect(self._state.library_changed)
        thread.failed.connect(self._page.show_error)


def _planned_words(plans: tuple[Plan, ...]) -> str:
    obstacles = dict.fromkeys(obstacle for plan in plans for obstacle in plan.obstacles)
    if obstacles:
        return " ".join(obstacles)
    labels = ", ".join(plan.format.label for plan in plans if plan.format)
    seconds = sum(plan.needs.seconds for plan in plans if plan.needs)
    return tr(
        "{labels} would be made: {size} on disk, about {time}. Then each is measured, and you choose what to keep."
    ).format(labels=labels, size=size(result_bytes(plans)), time=duration(seconds))


def _of(models: Sequence[Checkpoint]) -> str:
    return tr("%Ln formats", "", len(models)) if len(models) != 1 else tr("format")


def _bytes(models: Sequence[Checkpoint]) -> str:
    return size(sum(each.size_bytes for each in models))


def _removed(models: tuple[Checkpoint, ...], library: Library) -> tuple[Removed, ...]:
    """Move models to the trash. Raises :class:`Refused` where there is none."""
    done: list[Removed] = []
    for model in models:
        job = Removing(plan_removal(model, library.folder, library.entries()))
        done += [event.value for event in job if isinstance(event, Finished)]
    return tuple(done)


def _restored(removed: tuple[Removed, ...]) -> None:
    for each in removed:
        restoring(each)
