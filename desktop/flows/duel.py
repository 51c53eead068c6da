"""Two models side by side on one question: the dialog, who answers in it, and where the vote goes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.faults import fault_of
from desktop.flows.chat import ChatFlow
from desktop.jobs import Jobs
from desktop.models.duelling import Duelling
from desktop.pages.chat import ChatPage
from desktop.widgets.duel.duel_dialog import DuelDialog
from engine.chat.duel import Pairing
from engine.chat.history.rows import Entry
from engine.errors import Cancelled, EngineError
from engine.measure.votes import Tally


class DuelFlow(QObject):
    """``dialog`` is there while it is open. ``voted`` comes when a vote is kept."""

    voted = Signal()

    def __init__(self, jobs: Jobs, page: ChatPage, chat: ChatFlow) -> None:
        super().__init__(page)
        self.dialog: DuelDialog | None = None
        self.duel: Duelling | None = None
        self._jobs = jobs
        self._page = page
        self._chat = chat
        page.duel_wanted.connect(self.open)

    @Slot()
    def open(self) -> None:
        """Show the dialog, with what is being written as the question."""
        page = self._page
        store = self._chat.store
        self.duel = duel = Duelling(self._jobs, page.room.settings, store.history if store.writing else None, self)
        self.dialog = dialog = DuelDialog(page.models, page.room.path, page.transcript.press, page)
        dialog.field.setPlainText(page.composer.field.toPlainText())
        self._wire(dialog, duel)
        dialog.open()

    def close(self) -> None:
        """End the models' processes, if any: the app ends."""
        if self.duel:
            self.duel.close()

    def _wire(self, dialog: DuelDialog, duel: Duelling) -> None:
        dialog.asked.connect(self._on_asked)
        dialog.stop_wanted.connect(duel.stop)
        dialog.vote_wanted.connect(duel.vote)
        dialog.open_wanted.connect(self._on_open)
        dialog.link_wanted.connect(self._page.show_link)
        dialog.finished.connect(self._on_closed)
        duel.began.connect(self._on_began)
        duel.paired.connect(self._on_paired)
        duel.refused.connect(self._on_refused)
        duel.progressed.connect(self._on_progressed)
        duel.tokens.connect(self._on_tokens)
        duel.ended.connect(dialog.show_end)
        duel.over.connect(self._on_over)
        duel.voted.connect(self._on_voted)

    @Slot(str, list, bool)
    def _on_asked(self, question: str, paths: list[Any], blind: bool) -> None:
        if self.dialog and self.duel:
            self.dialog.begin()
            self.duel.start(question, paths, blind=blind)

    @Slot(object, str)
    def _on_began(self, entry: Entry, title: str) -> None:
        self._chat.take_begun(entry)
        self._chat.store.rename(entry.id, title, "words")

    @Slot(object)
    def _on_paired(self, pairing: Pairing) -> None:
        if self.dialog and self.duel:
            self.dialog.show_pairing(pairing, blind=self.duel.round.blind)

    @Slot(Exception)
    def _on_refused(self, error: Exception) -> None:
        if self.dialog and isinstance(error, EngineError):
            words = self.tr("Stopped.") if isinstance(error, Cancelled) else f"{error.message} {error.hint}".strip()
            self.dialog.show_problem(words)
        elif self.dialog:
            self.dialog.show_problem(fault_of(error).title)
            self._page.show_error(error)

    @Slot(int, object)
    def _on_progressed(self, number: int, progress: Any) -> None:
        if self.dialog:
            self.dialog.sides[number].show_progress(progress)

    @Slot(int, list)
    def _on_tokens(self, number: int, tokens: list[Any]) -> None:
        if self.dialog:
            self.dialog.sides[number].show_tokens(tokens)

    @Slot()
    def _on_over(self) -> None:
        if self.dialog and self.duel:
            self.dialog.show_over(decidable=self.duel.decidable, keeps=self.duel.keeps)

    @Slot(tuple)
    def _on_voted(self, counted: tuple[Tally, ...]) -> None:
        if self.dialog:
            self.dialog.show_votes(counted)
        if counted:
            self.voted.emit()

    @Slot()
    def _on_open(self) -> None:
        """Go on with the two answers as versions of one in a conversation."""
        if self.dialog and self.duel and self.duel.entry:
            entry = self.duel.entry
            self.dialog.accept()
            self._page.leave()
            self._chat.store.load(entry.id, after=self._page.room.left)

    @Slot()
    def _on_closed(self) -> None:
        if self.duel:
            self.duel.leave()
            self.duel = None
        if self.dialog:
            self.dialog.deleteLater()
            self.dialog = None
        self._page.focus_first()
