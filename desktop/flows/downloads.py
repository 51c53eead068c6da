"""The line of downloads in the window."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from desktop.flows.state import State
from engine.catalog.download.line import DownloadLine
from engine.catalog.download.plan import DownloadPlan


class DownloadsFlow(QObject):
    """:meth:`add` puts a download into the line."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._state = state
        self._line: DownloadLine | None = None

    @Slot(object)
    def add(self, plan: DownloadPlan) -> None:
        """Put a download at the end of the line, and begin if nothing else runs."""
        if self._line is None:
            self._line = DownloadLine(self._state.hub, self._state.library)
        was_waiting = self._line.waiting
        self._line.add(plan)
        if not was_waiting:
            thread = self._state.jobs.start(self._line.run(), "Downloads")
            thread.finished.connect(self._state.library_changed)
