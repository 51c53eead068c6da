"""Load the colouring rules of the languages that come up in answers, beside the main thread."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from desktop.jobs import Call, Jobs
from desktop.widgets.chat.highlight import Highlighter


class Languages(QObject):
    """``loaded`` tells the name of a language whose code can now be drawn in colours."""

    loaded = Signal(object)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.highlighter = Highlighter()
        self._jobs = jobs
        self._fetched: set[str] = set()

    def fetch(self) -> None:
        """Load what has been asked for since the last time."""
        for language in self.highlighter.wanted - self._fetched:
            self._fetched.add(language)
            loading = self._jobs.start(Call(self.highlighter.load, language))
            loading.finished.connect(self.loaded)
