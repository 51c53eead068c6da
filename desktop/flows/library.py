"""Reading the library, looking for models elsewhere, and noting what the person adds."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.models.library_model import Entry, entries_of, read_library
from desktop.pages.library import LibraryPage
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.copying import CopyingIn
from engine.catalog.elsewhere import scanning, with_notes
from engine.catalog.notes import Notes
from engine.catalog.places import Places
from engine.catalog.scan.merge import merged
from engine.catalog.starter import place_starter
from engine.errors import EngineError


class LibraryFlow(QObject):
    """``entries_read`` carries what there is now, in the library and elsewhere."""

    entries_read = Signal(tuple)

    def __init__(self, state: State, page: LibraryPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._own: tuple[Entry, ...] = ()
        self._elsewhere: tuple[Checkpoint, ...] = ()
        self._reading = Latest(state.jobs)
        self._reading.finished.connect(self._on_own)
        self._reading.failed.connect(page.show_error)
        self._scanning = Latest(state.jobs)
        self._scanning.finished.connect(self._on_elsewhere)
        self._scanning.failed.connect(page.show_error)
        state.library_moved.connect(self._on_moved)
        state.library_changed.connect(self.read)
        state.machine_found.connect(page.show_machine)
        page.refresh_wanted.connect(self.read)
        page.starter_wanted.connect(self._place_again)
        page.add_wanted.connect(self.add)
        page.copy_wanted.connect(self._copy)
        page.places.forget_wanted.connect(self._forget)
        page.places.apps_wanted.connect(self._look_for_apps)

    def start(self) -> None:
        """Read the library, and put the starter model into it."""
        self.read()
        self._place(again=False)

    @Slot()
    def _place_again(self) -> None:
        self._place(again=True)

    def _place(self, *, again: bool) -> None:
        job = Call(place_starter, self._state.library, doing=self.tr("Placing the starter model"), again=again)
        placing = self._state.jobs.start(job)
        placing.finished.connect(self.read)
        placing.failed.connect(self._page.show_error)

    @Slot()
    def read(self) -> None:
        """Read the library, then look elsewhere."""
        self._reading.start(Call(read_library, self._state.library))
        places = Places()
        self._page.places.show_places(places.all, places.apps)

    @Slot(Path)
    def add(self, path: Path) -> None:
        """Use a folder or file where it lies; copying it into the library is offered."""
        self._state.page_wanted.emit("library")
        try:
            Places().add(path)
            single = path.is_file() or (path / "config.json").is_file()
            model = self._state.library.entry_at(path) if single else None
        except EngineError as error:
            self._page.show_error(error)
            return
        forget = (self.tr("Forget it"), partial(self._forget, path))
        copy = ((self.tr("Copy into the library"), partial(self._copy, model)),) if model else ()
        self._page.note.show_note(self.tr("{path} is used where it lies.").format(path=path), *copy, forget)
        self.read()

    @Slot(object)
    def _copy(self, model: Checkpoint) -> None:
        thread = self._state.jobs.start(
            CopyingIn(model, self._state.library), self.tr("Copying {model}").format(model=model.title)
        )
        thread.finished.connect(self._on_copied)
        thread.failed.connect(self._page.show_error)

    @Slot(object)
    def _on_copied(self, made: Checkpoint) -> None:
        self._page.note.show_note(self.tr("{model} is in the library now.").format(model=made.title))
        self.read()

    @Slot(Path)
    def _forget(self, place: Path) -> None:
        try:
            Places().remove(place)
        except EngineError as error:
            self._page.show_error(error)
        self.read()

    @Slot(bool)
    def _look_for_apps(self, wanted: bool) -> None:
        try:
            Places().look_for_apps(wanted)
        except EngineError as error:
            self._page.show_error(error)
        self.read()

    @Slot(object)
    def _on_own(self, entries: tuple[Entry, ...]) -> None:
        self._own = entries
        self._show()
        library = self._state.library
        self._scanning.start(scanning(library.folder, library.summaries))

    @Slot(object)
    def _on_elsewhere(self, found: tuple[Checkpoint, ...]) -> None:
        self._elsewhere = with_notes(found, Notes())
        self._show()

    def _show(self) -> None:
        own = [entry.checkpoint for entry in self._own]
        entries = entries_of(merged([*own, *self._elsewhere]))
        self._page.show_entries(entries)
        self.entries_read.emit(entries)

    @Slot()
    def _on_moved(self) -> None:
        self._page.show_folder(self._state.library.folder)
