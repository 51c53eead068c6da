"""Looking at the machine: at the start, and again when the person wants it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from desktop.flows.state import State
from desktop.jobs import Latest
from desktop.pages.machine import MachinePage
from engine.machine.job import ProbeJob


class MachineFlow(QObject):
    """``looking`` is the newest look; its failure concerns whoever waits for the machine."""

    def __init__(self, state: State, page: MachinePage) -> None:
        super().__init__(state)
        self._page = page
        self.looking = Latest(state.jobs)
        self.looking.progressed.connect(page.show_progress)
        self.looking.finished.connect(state.set_machine)
        self.looking.failed.connect(page.show_error)
        state.machine_found.connect(page.show_machine)
        page.refresh_wanted.connect(self.look)

    @Slot()
    def look(self) -> None:
        self._page.show_busy()
        self.looking.start(ProbeJob())
