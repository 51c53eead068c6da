"""What answers are drawn with and is made beside the main thread: rules for colouring code, pictures of formulas."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot

from desktop.jobs import Call, Jobs
from desktop.widgets.chat.formulas import Formulas
from desktop.widgets.chat.highlight import Highlighter


class Press(QObject):
    """Shared by all views. ``language_loaded`` tells whose code can now be drawn in colours, ``formulas_drawn`` that
    more formulas are.
    """

    language_loaded = Signal(object)
    formulas_drawn = Signal()

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.highlighter = Highlighter()
        self.formulas = Formulas()
        self._jobs = jobs
        self._fetched: set[str] = set()
        self._drawing = False

    def fetch(self) -> None:
        """Make what was asked for since the last time."""
        for language in self.highlighter.wanted - self._fetched:
            self._fetched.add(language)
            self._jobs.start(Call(self.highlighter.load, language)).finished.connect(self.language_loaded)
        if self.formulas.wanted and not self._drawing:
            self._drawing = True
            drawing = self._jobs.start(Call(self.formulas.draw, self.formulas.take_wanted()))
            drawing.finished.connect(self._on_drawn)

    @Slot()
    def _on_drawn(self) -> None:
        self._drawing = False
        self.formulas_drawn.emit()
        self.fetch()
