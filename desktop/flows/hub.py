"""The account at the Hub: how it is reached, entering a token, and forgetting it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.widgets.hub_card import HubCard
from desktop.widgets.token_dialog import TokenDialog
from engine.catalog.find import Asking
from engine.catalog.hub.account import Kept, keep_checked
from engine.catalog.hub.surroundings import Surroundings, look_around
from engine.catalog.tokens import Source


class HubFlow(QObject):
    """``looked`` carries the :class:`Surroundings`, ``token_kept`` the :class:`Kept` of a token that was entered."""

    looked = Signal(object)
    token_kept = Signal(object)

    def __init__(self, state: State, card: HubCard) -> None:
        super().__init__(state)
        self._state = state
        self._card = card
        self._dialog: TokenDialog | None = None
        self._wants_dialog = False
        self._looking = Latest(state.jobs)
        self._looking.finished.connect(self._on_looked)
        self._checking = Latest(state.jobs)
        self._checking.finished.connect(self._on_kept)
        self._checking.failed.connect(self._on_refused)
        self.looked.connect(card.show_surroundings)
        card.look_wanted.connect(self.look)
        card.token_wanted.connect(self.ask_token)
        card.forget_wanted.connect(self._forget)

    @Slot()
    def look(self) -> None:
        """Look at the environment and the token in use."""
        self._looking.start(Call(look_around, self._state.hub))

    @Slot()
    def look_without_token(self) -> None:
        """Look at the environment alone: no keyring is unlocked just because a page is shown."""
        self._looking.start(Call(look_around, self._state.hub, read_token=False))

    @Slot()
    def ask_token(self) -> None:
        self._wants_dialog = True
        self.look()

    @Slot(object)
    def _on_looked(self, found: Surroundings) -> None:
        self.looked.emit(found)
        if self._wants_dialog:
            self._wants_dialog = False
            self._open(found)

    def _open(self, found: Surroundings) -> None:
        if self._dialog:
            self._dialog.reject()
        parent = QApplication.activeWindow() or self._card.window()  # who has no parent goes with its last name here
        self._dialog = dialog = TokenDialog(found.endpoint, found.token is Source.ENVIRONMENT, parent)
        dialog.check_wanted.connect(self._check)
        dialog.given_up.connect(self._checking.cancel)
        dialog.finished.connect(self._on_closed)
        dialog.open()

    @Slot(str)
    def _check(self, token: str) -> None:
        hub = self._state.hub
        self._checking.start(Asking(lambda stop, on_wait: keep_checked(hub, token, stop, on_wait)))

    @Slot(object)
    def _on_kept(self, kept: Kept) -> None:
        if self._dialog:
            self._dialog.accept()
        self.token_kept.emit(kept)
        self.look()

    @Slot(Exception)
    def _on_refused(self, error: Exception) -> None:
        if self._dialog:
            self._dialog.show_error(error)

    @Slot()
    def _on_closed(self) -> None:
        if self._dialog:
            self._dialog.deleteLater()
            self._dialog = None

    @Slot()
    def _forget(self) -> None:
        thread = self._state.jobs.start(Call(self._state.hub.tokens.forget))
        thread.finished.connect(self.look)
