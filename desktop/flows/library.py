"""Reading the library, and deleting from it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.models.library_model import Entry, read_library
from desktop.pages.library import LibraryPage
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.starter import place_starter


class LibraryFlow(QObject):
    """``entries_read`` carries what the library holds now, ``deleting`` what is about to go."""

    entries_read = Signal(tuple)
    deleting = Signal(Checkpoint)

    def __init__(self, state: State, page: LibraryPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._reading = Latest(state.jobs)
        self._reading.finished.connect(self._on_entries)
        self._reading.failed.connect(page.show_error)
        state.library_moved.connect(self._on_moved)
        state.library_changed.connect(self.read)
        page.refresh_wanted.connect(self.read)
        page.delete_wanted.connect(self._delete)

    def start(self) -> None:
        """Read the library, and put the starter model into it."""
        self.read()
        placing = self._state.jobs.start(Call(place_starter, self._state.library, doing="Placing the starter model"))
        placing.finished.connect(self.read)
        placing.failed.connect(self._page.show_error)

    @Slot()
    def read(self) -> None:
        self._reading.start(Call(read_library, self._state.library))

    @Slot(object)
    def _on_entries(self, entries: tuple[Entry, ...]) -> None:
        self._page.show_entries(entries)
        self.entries_read.emit(entries)

    @Slot()
    def _on_moved(self) -> None:
        self._page.show_folder(self._state.library.folder)

    @Slot(object)
    def _delete(self, checkpoint: Checkpoint) -> None:
        self.deleting.emit(checkpoint)
        title = f"Deleting {checkpoint.title}"
        thread = self._state.jobs.start(Call(self._state.library.delete, checkpoint), title)
        thread.finished.connect(self.read)
        thread.failed.connect(self._page.show_error)
