"""What all flows share: the settings, the library and the machine. Every change is a signal."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from desktop.jobs import Jobs
from engine.catalog.hub.client import Hub
from engine.catalog.library import Library
from engine.machine.facts import Machine
from engine.settings import Settings


class State(QObject):
    """Owned by the app; flows read it, and change it only through its slots.

    ``library_moved`` comes when another folder is the library, ``library_changed`` when its content may be another.
    ``page_wanted`` carries the name of the place to show.
    """

    machine_found = Signal(object)
    library_moved = Signal()
    library_changed = Signal()
    page_wanted = Signal(str)

    def __init__(self, jobs: Jobs, settings: Settings) -> None:
        super().__init__(jobs)
        self.jobs = jobs
        self.settings = settings
        self.library = Library(settings.models_folder)
        self.hub = Hub()  # one for all: it holds the token, and the wait that the Hub asked for
        self.machine: Machine | None = None

    @Slot(object)
    def set_machine(self, found: Machine) -> None:
        self.machine = found
        self.machine_found.emit(found)

    @Slot(object)
    def set_settings(self, settings: Settings) -> None:
        moved = settings.models_folder != self.settings.models_folder
        self.settings = settings
        if moved:
            self.library = Library(settings.models_folder)
            self.library_moved.emit()
            self.library_changed.emit()
