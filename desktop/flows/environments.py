"""Setting environments up, checking and removing them: one step at a time for each."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Qt, Signal, Slot

from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.pages.machine import MachinePage
from desktop.quantities import size
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.environments.check import Checking
from engine.environments.described import ENVIRONMENTS
from engine.environments.places import Found, find
from engine.environments.plan import Planning, SetUpPlan
from engine.environments.setup import SetUp, remove
from engine.errors import Cancelled
from engine.events import Job


class EnvironmentsFlow(QObject):
    """``changed`` tells that packages came or went."""

    changed = Signal()

    def __init__(self, state: State, page: MachinePage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._section = section = page.environments
        self._running: dict[str, JobThread] = {}
        self._looking = Latest(state.jobs)
        self._looking.finished.connect(section.show_found)
        section.plan_wanted.connect(self._plan)
        section.set_up_wanted.connect(self._set_up)
        section.check_wanted.connect(self._check)
        section.remove_wanted.connect(self._ask_to_remove)
        section.cancel_wanted.connect(self._cancel)

    @Slot()
    def look(self) -> None:
        self._looking.start(Call(_all))

    @Slot(str)
    def open(self, name: str) -> None:
        """Show an environment and ask what it would take."""
        self._state.page_wanted.emit("machine")
        if name in self._section.cards and name not in self._running:
            self._plan(name)

    @Slot(str)
    def _plan(self, name: str) -> None:
        thread = self._start(name, Planning(ENVIRONMENTS[name]), self.tr("Asking what it takes…"))
        thread.finished.connect(partial(self._on_planned, name))

    def _on_planned(self, name: str, plan: SetUpPlan) -> None:
        self._end(name)
        self._section.cards[name].show_plan(plan)

    @Slot(object)
    def _set_up(self, plan: SetUpPlan) -> None:
        environment = plan.environment
        title = self.tr("Setting up: {environment}").format(environment=environment.title)
        thread = self._start(environment.name, SetUp(plan), self.tr("Starting…"), title)
        thread.finished.connect(partial(self._on_changed, environment.name))

    @Slot(str)
    def _check(self, name: str) -> None:
        thread = self._start(name, Checking(ENVIRONMENTS[name]), self.tr("Starting its packages…"))
        thread.finished.connect(partial(self._on_checked, name))

    def _on_checked(self, name: str, versions: dict[str, str]) -> None:
        self._end(name)
        words = self.tr("It works. PyTorch {version}.").format(version=versions.get("torch", "?"))
        self._section.cards[name].show_said(words)

    @Slot(str)
    def _ask_to_remove(self, name: str) -> None:
        found = self._section.cards[name].found
        question = self.tr("Remove the {environment}?").format(environment=found.environment.title)
        consequence = self.tr("{size} become free. Your models stay; what it runs does not until it is set up again.")
        words = consequence.format(size=size(found.disk_bytes))
        dialog = ConfirmDialog(question, words, self.tr("Remove it"), self._page)
        dialog.accepted.connect(partial(self._remove, name))
        dialog.open()

    def _remove(self, name: str) -> None:
        job = Call(remove, ENVIRONMENTS[name], doing=self.tr("Removing"))
        thread = self._start(name, job, self.tr("Removing…"))
        thread.finished.connect(partial(self._on_changed, name))

    def _on_changed(self, name: str, found: Found) -> None:
        self._end(name)
        self._section.cards[name].show_found(found)
        self.changed.emit()

    @Slot(str)
    def _cancel(self, name: str) -> None:
        if name in self._running:
            self._running[name].cancel()

    def _start(self, name: str, job: Job, words: str, title: str = "") -> JobThread:
        card = self._section.cards[name]
        self._page.banner.clear()
        card.show_busy(words)
        self._running[name] = thread = self._state.jobs.start(job, title)
        thread.progressed.connect(card.show_progress)
        thread.failed.connect(partial(self._on_failed, name))
        card.cancel.setFocus(Qt.FocusReason.OtherFocusReason)
        return thread

    def _on_failed(self, name: str, error: Exception) -> None:
        self._end(name)
        if isinstance(error, Cancelled):
            self._section.cards[name].show_said(self.tr("Stopped. What was fetched is kept for the next time."))
        else:
            self._page.show_error(error)

    def _end(self, name: str) -> None:
        """Show how the environment is now."""
        del self._running[name]
        self._section.cards[name].show_found(find(ENVIRONMENTS[name]))


def _all() -> tuple[Found, ...]:
    return tuple(find(environment) for environment in ENVIRONMENTS.values())
