"""Suggesting a format for a model, as soon as the machine is known."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.models.suggestion import suggest
from desktop.pages.suggestion import SuggestionPage


class SuggestionFlow(QObject):
    def __init__(self, state: State, page: SuggestionPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._wanted: tuple[Path, int] | None = None  # waits for the machine
        self._suggesting = Latest(state.jobs)
        self._suggesting.finished.connect(page.show_suggestion)
        self._suggesting.failed.connect(page.show_error)
        page.suggestion_wanted.connect(self.suggest)
        state.machine_found.connect(self._on_machine)

    @Slot(Path)
    def open(self, path: Path) -> None:
        self._state.page_wanted.emit("suggestion")
        self._page.choose(path)

    @Slot(Path, int)
    def suggest(self, path: Path, context_tokens: int) -> None:
        state = self._state
        if state.machine is None:
            self._wanted = path, context_tokens
            self._page.show_busy(self.tr("Looking at this computer first…"))
            return
        self._wanted = None
        self._page.show_busy()
        self._suggesting.start(Call(suggest, path, state.machine, context_tokens, state.library))

    @Slot(object)
    def _on_machine(self, _found: object) -> None:
        if self._wanted:
            self.suggest(*self._wanted)
