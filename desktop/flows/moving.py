"""Moving the library to another folder, and what was left of a move when the app ended."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.language import tr
from desktop.models.library_words import move_words
from desktop.pages.library import LibraryPage
from desktop.widgets.choice_dialog import ChoiceDialog
from engine import settings as settings_file
from engine.catalog.moving.job import Moved, Moving, discard_move, recover
from engine.catalog.moving.journal import Journal
from engine.catalog.moving.plan import MovePlan, plan_move
from engine.errors import Cancelled, Refused
from engine.settings import Settings


class MovingFlow(QObject):
    """``settings_wanted`` carries settings with another models folder.

    ``starting`` comes before files move, ``given_up`` when they stay where they were.
    """

    settings_wanted = Signal(object)
    starting = Signal()
    given_up = Signal()

    def __init__(self, state: State, page: LibraryPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._moving: JobThread | None = None
        self._planning = Latest(state.jobs)
        self._planning.finished.connect(self._ask)
        self._planning.failed.connect(page.show_error)
        page.places.move_wanted.connect(self.plan)

    def start(self) -> None:
        """Finish or offer what a move was killed in."""
        thread = self._state.jobs.start(Call(recover, self._state.library.folder, _keep))
        thread.finished.connect(self._on_recovered)
        thread.failed.connect(self._page.show_error)

    def offer(self, settings: Settings) -> bool:
        """Ask what becomes of the models when another folder is chosen; return whether there is anything to ask."""
        old, new = self._state.library.folder, settings.models_folder
        if old.absolute() == new.absolute() or not any(entry.is_own for entry in self._page.entries.all):
            return False
        sentence = self.tr(
            "Your models are in {old}. Move them to {new}, or leave them there and use only the new folder?"
        ).format(old=old, new=new)
        ways = [(self.tr("Move my models there"), "primary"), (self.tr("Only use the new folder"), "")]
        dialog = ChoiceDialog(
            self.tr("Move your models?"), sentence, ways, self._page.window(), self.tr("Change nothing")
        )
        dialog.chosen.connect(partial(self._on_choice, settings))
        dialog.rejected.connect(partial(self.settings_wanted.emit, self._state.settings))
        dialog.open()
        return True

    @Slot(Path)
    def plan(self, target: Path) -> None:
        self._planning.start(Call(plan_move, self._state.library.folder, target))

    def _on_choice(self, settings: Settings, number: int) -> None:
        if number == 1:
            self.settings_wanted.emit(settings)
            return
        self.settings_wanted.emit(self._state.settings)  # the folder changes when all is there
        self._state.page_wanted.emit("library")
        self.plan(settings.models_folder)

    @Slot(object)
    def _ask(self, plan: MovePlan) -> None:
        question = self.tr("Move the library to {folder}?").format(folder=plan.target)
        dialog = ChoiceDialog(
            question, move_words(plan), [(self.tr("Move"), "primary")], self._page, self.tr("Leave it")
        )
        dialog.chosen.connect(partial(self._move, plan))
        dialog.open()

    def _move(self, plan: MovePlan, _number: int = 0) -> None:
        if self._moving and self._moving.running:
            return
        self.starting.emit()
        self._moving = thread = self._state.jobs.start(
            Moving(plan, _keep), self.tr("Moving the library to {folder}").format(folder=plan.target.name)
        )
        thread.noticed.connect(self._on_notice)
        thread.finished.connect(self._on_moved)
        thread.failed.connect(self._on_failed)

    @Slot(object)
    def _on_notice(self, notice: object) -> None:
        self._page.note.show_note(getattr(notice, "text", ""), level="warning")

    @Slot(object)
    def _on_moved(self, moved: Moved) -> None:
        words = self.tr("Your models are in {folder} now, every file checked.").format(folder=moved.target)
        if moved.left:
            left = tr("%Ln changed file(s) stayed in {folder}.", "", len(moved.left)).format(folder=moved.source)
            words = f"{words} {left}"
        self._page.note.show_note(words)
        self.settings_wanted.emit(self._state.settings.changed(models_folder=str(moved.target)))

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self._offer_rest(self.tr("The move was stopped; your models are where they were."))
        else:
            self._page.show_error(error)
        self.given_up.emit()
        self._state.library_changed.emit()

    @Slot(object)
    def _on_recovered(self, moved: Moved | None) -> None:
        if moved is not None:
            self._on_moved(moved)
        else:
            self._offer_rest(self.tr("A move of the library was interrupted; your models are where they were."))

    def _offer_rest(self, words: str) -> None:
        begun = Journal().begun()
        if begun is not None and begun.source == self._state.library.folder.absolute():
            go_on = (self.tr("Continue"), partial(self.plan, begun.target))
            self._page.note.show_note(words, go_on, (self.tr("Give it up"), discard_move), level="warning")


def _keep(folder: Path) -> None:
    """Keep the new folder in the settings' file, in the thread of the job: the window's own follow when it is done."""
    try:
        settings_file.save(settings_file.load().changed(models_folder=str(folder)))
    except OSError as error:
        raise Refused(
            tr("The settings cannot be kept: {error}").format(error=error), tr("Nothing was moved.")
        ) from error
