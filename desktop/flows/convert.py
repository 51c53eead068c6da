"""Planning conversions, and carrying them out one after the other."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.models import kept_line
from desktop.models.kept_line import Kept
from desktop.models.making import Line, Manner, Waiting
from desktop.models.plan_words import Prepared, prepare
from desktop.pages.convert import ConvertPage
from engine.catalog.checkpoint import Checkpoint
from engine.chat.calibrating import OnConversations
from engine.chat.export.words import Words, said
from engine.convert.folders.plan import FolderPlan
from engine.convert.folders.run import FolderConversion
from engine.convert.plan import Plan
from engine.convert.run import Conversion
from engine.convert.vocabulary import VocabularyCheck, can_be_checked, with_vocabulary
from engine.errors import EngineError, Refused
from engine.events import Job


class ConvertFlow(QObject):
    """One conversion runs; what is asked for meanwhile stands in a line, and is planned again when its turn comes.

    The line is kept on the disk from :meth:`start` on, and what was running when the app ended stands at its head.
    """

    def __init__(self, state: State, page: ConvertPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._line = Line()
        self._numbers = itertools.count(1)
        self._current: Waiting | None = None
        self._running: JobThread | None = None
        self._kept = False  # whether the line is read from the disk, and written there
        self._held = False  # whether what waits does not go on by itself
        self._planning = Latest(state.jobs)
        self._planning.finished.connect(self._on_planned)
        self._planning.failed.connect(page.show_error)
        self._planned: Prepared | None = None  # what the page shows, until it is begun
        self._known: set[Path] = set()  # folders whose tokenizer the converter can read
        self._reading = Latest(state.jobs)
        self._reading.finished.connect(self._on_tokenizer)
        self._counting = Latest(state.jobs)
        self._counting.finished.connect(self._on_counted)
        page.plan_wanted.connect(self._plan)
        page.start_wanted.connect(self._convert)
        page.cancel_wanted.connect(self._cancel)
        page.manner.conversations_wanted.connect(self._count)
        page.waiting.moved.connect(self._move)
        page.waiting.removed.connect(self._take_out)
        page.waiting.continued.connect(self._continue)

    def start(self) -> None:
        """Bring back the line of the last time. It goes on, or waits for the person, as downloads do."""
        thread = self._state.jobs.start(Call(kept_line.restored, kept_line.line_file(), self._state.library))
        thread.finished.connect(self._on_restored)

    def close(self) -> None:
        """Leave the line as it stands: what is ended with the app is at its head at the next start."""
        self._kept = False
        self._show(Line())

    @Slot(Path)
    @Slot(Path, str)
    def open(self, path: Path, format_id: str = "") -> None:
        self._state.page_wanted.emit("convert")
        self._page.choose(path, format_id)

    @Slot(Path, str, object)
    def _plan(self, path: Path, format_id: str, manner: Manner) -> None:
        self._planning.start(Call(prepare, path, format_id, self._state.library, manner))

    @Slot(object)
    def _on_planned(self, prepared: Prepared) -> None:
        """Show the plan, and let the converter read the tokenizer meanwhile: that takes a second or two."""
        self._reading.cancel()  # what it finds is of the plan before
        self._planned = prepared
        self._page.show_plan(prepared)
        plan = prepared.plan
        if isinstance(plan, Plan) and can_be_checked((plan,)) and plan.source.path not in self._known:
            self._reading.start(VocabularyCheck(plan.source.path))

    @Slot(object)
    def _on_tokenizer(self, problem: EngineError | None) -> None:
        prepared = self._planned
        if prepared is None or not isinstance(prepared.plan, Plan):
            return
        if problem is None:
            self._known.add(prepared.plan.source.path)
        else:
            (plan,) = with_vocabulary((prepared.plan,), problem)
            self._page.show_plan(replace(prepared, plan=plan))

    @Slot()
    def _count(self) -> None:
        self._counting.start(Call(said))

    @Slot(object)
    def _on_counted(self, words: Words) -> None:
        self._page.manner.show_conversations(words.messages)

    @Slot(object, object)
    def _convert(self, plan: Plan | FolderPlan, manner: Manner) -> None:
        """Begin, or join the line behind what runs."""
        self._planned = None
        wanted = Waiting(next(self._numbers), plan, manner)
        if self._current is None:
            self._current = wanted
            self._keep()
            self._begin(wanted, by_person=True)
        elif self._line.has(plan.target, (self._current.plan.target,)):
            self._page.show_error(Refused(self.tr("{file} is being made already.").format(file=plan.target.name)))
        else:
            self._show(self._line.adding(wanted))
            self._page.show_queued()

    def _begin(self, wanted: Waiting, *, by_person: bool) -> None:
        title = self.tr("Converting {model} to {format}").format(
            model=wanted.plan.source.path.name, format=wanted.plan.makes
        )
        on_words = wanted.manner.learns_from == "conversations"
        job = OnConversations(wanted.plan, _job) if on_words else _job(wanted.plan)
        self._running = thread = self._state.jobs.start(job, title)
        thread.progressed.connect(self._page.show_progress)
        thread.noticed.connect(self._page.show_notice)
        thread.finished.connect(self._on_made)
        thread.failed.connect(self._on_failed)
        self._page.show_started(title, by_person=by_person)

    @Slot(object)
    def _on_made(self, made: Checkpoint) -> None:
        self._page.show_made(made)
        self._state.library_changed.emit()
        self._go_on()

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        self._page.show_failed(error)
        self._go_on()

    def _go_on(self) -> None:
        """Plan the next one again: the disk and the library are others than when it was asked for."""
        self._running = self._current = None
        self._keep()
        if self._line.waiting and not self._held:
            self._current = wanted = self._line.waiting[0]
            self._show(self._line.without(wanted.number))
            again = Call(prepare, wanted.plan.source.path, wanted.format_id, self._state.library, wanted.manner)
            self._running = thread = self._state.jobs.start(again)
            thread.finished.connect(self._on_planned_again)
            thread.failed.connect(self._on_failed)

    @Slot(object)
    def _on_planned_again(self, prepared: Prepared) -> None:
        if prepared.plan.problems:
            self._on_failed(prepared.plan.problems[0])
        elif self._current:
            self._current = replace(self._current, plan=prepared.plan)
            self._begin(self._current, by_person=False)

    @Slot(int, int)
    def _move(self, number: int, by: int) -> None:
        self._show(self._line.moving(number, by))

    @Slot(int)
    def _take_out(self, number: int) -> None:
        self._show(self._line.without(number))

    @Slot()
    def _continue(self) -> None:
        self._held = False
        self._show(self._line)
        if self._current is None:
            self._go_on()

    @Slot(object)
    def _on_restored(self, line: tuple[Prepared, ...]) -> None:
        """Put what was kept before what was asked for since."""
        current = (self._current.plan.target,) if self._current else ()
        new = [one for one in line if not self._line.has(one.plan.target, current)]
        before = tuple(Waiting(next(self._numbers), one.plan, one.manner) for one in new)
        self._kept = True
        self._held = bool(before) and not self._state.settings["continue_downloads"]
        self._show(Line((*before, *self._line.waiting)))
        if self._current is None:
            self._go_on()

    def _show(self, line: Line) -> None:
        self._line = line
        self._held = self._held and bool(line.waiting)
        self._keep()
        self._page.waiting.show_line(line, held=self._held)

    def _keep(self) -> None:
        if self._kept:
            line = (self._current, *self._line.waiting) if self._current else self._line.waiting
            kept_line.write(kept_line.line_file(), [Kept.of(one) for one in line])

    @Slot()
    def _cancel(self) -> None:
        if self._running:
            self._running.cancel()


def _job(plan: Plan | FolderPlan) -> Job:
    return FolderConversion(plan) if isinstance(plan, FolderPlan) else Conversion(plan)
