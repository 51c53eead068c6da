"""Verifying models, noting their fingerprints, and deleting them with a way back."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Signal, Slot

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.models.library_words import removed_words, verified_words
from desktop.pages.library import LibraryPage
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.verify import Verified, verifying
from engine.catalog.fingerprint import Fingerprinting
from engine.catalog.library import Library
from engine.catalog.removal import Removal, Removed, Removing, plan_removal, restoring


class KeepingFlow(QObject):
    """``deleting`` carries what is about to go, ``repair_wanted`` what is to be fetched again."""

    deleting = Signal(Checkpoint)
    repair_wanted = Signal(object)

    def __init__(self, state: State, page: LibraryPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._planning = Latest(state.jobs)
        self._planning.finished.connect(page.show_removal)
        self._planning.failed.connect(page.show_error)
        page.verify_wanted.connect(self._verify)
        page.fingerprint_wanted.connect(self._fingerprint)
        page.repair_wanted.connect(self.repair_wanted)
        page.delete_wanted.connect(self._plan)
        page.removal_wanted.connect(self._delete)

    @Slot(object)
    def _verify(self, model: Checkpoint) -> None:
        thread = self._state.jobs.start(verifying(model), self.tr("Verifying {model}").format(model=model.title))
        thread.finished.connect(self._on_verified)
        thread.failed.connect(self._page.show_error)

    @Slot(object)
    def _on_verified(self, verified: Verified) -> None:
        repair = (self.tr("Repair"), partial(self.repair_wanted.emit, verified.checkpoint))
        ways = () if verified.whole or not _was_fetched(verified.checkpoint) else (repair,)
        self._page.note.show_note(verified_words(verified), *ways, level="info" if verified.whole else "warning")

    @Slot(object)
    def _fingerprint(self, model: Checkpoint) -> None:
        thread = self._state.jobs.start(Fingerprinting(model), self.tr("Reading {model}").format(model=model.title))
        thread.finished.connect(self._on_fingerprint)
        thread.failed.connect(self._page.show_error)

    @Slot(object)
    def _on_fingerprint(self, _files: object) -> None:
        self._page.note.show_note(self.tr("The fingerprint is noted; from now on the model can be verified."))
        self._state.library_changed.emit()

    @Slot(object)
    def _plan(self, model: Checkpoint) -> None:
        self._planning.start(Call(_planned, model, self._state.library))

    @Slot(object, bool)
    def _delete(self, plan: Removal, for_good: bool) -> None:
        self.deleting.emit(plan.checkpoint)
        title = self.tr("Deleting {model}").format(model=plan.checkpoint.title)
        thread = self._state.jobs.start(Removing(plan, for_good=for_good), title)
        thread.finished.connect(self._on_removed)
        thread.failed.connect(self._on_failed)

    @Slot(object)
    def _on_removed(self, removed: Removed) -> None:
        undo = ((self.tr("Put it back"), partial(self._restore, removed)),) if removed.can_undo else ()
        self._page.note.show_note(removed_words(removed), *undo)
        self._state.library_changed.emit()

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        self._page.show_error(error)
        self._state.library_changed.emit()

    def _restore(self, removed: Removed) -> None:
        thread = self._state.jobs.start(
            Call(restoring, removed), self.tr("Putting {model} back").format(model=removed.checkpoint.title)
        )
        thread.finished.connect(self._state.library_changed)
        thread.failed.connect(self._page.show_error)


def _planned(model: Checkpoint, library: Library) -> Removal:
    return plan_removal(model, library.folder, library.entries())


def _was_fetched(model: Checkpoint) -> bool:
    source = model.record.get("source")
    return isinstance(source, dict) and {"repository", "commit"} <= source.keys() and not model.owners
