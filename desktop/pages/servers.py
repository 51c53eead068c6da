"""Models on servers: other machines, or other programs on this one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout

from desktop.language import QT_TR_NOOP, tr
from desktop.models.server_rows import ServerRow
from desktop.theme import scale
from desktop.widgets.confirm_dialog import ConfirmDialog
from desktop.widgets.controls import button
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.page import Page
from desktop.widgets.server_card import ServerCard
from engine.catalog.servers.listing import Server

_EMPTY = QT_TR_NOOP(
    "vLLM, llama-server, Ollama, LM Studio and most paid services speak the same protocol. Add one by its address, and "
    "its models can be chosen in Chat. What you write to them goes there."
)


class ServersPage(Page):
    """A card for each server. Wishes carry the :class:`Server`; ``chat_wanted`` the path of a model."""

    add_wanted = Signal()
    edit_wanted = Signal(object)
    test_wanted = Signal(object)
    remove_wanted = Signal(object)
    chat_wanted = Signal(Path)

    def __init__(self) -> None:
        super().__init__(
            self.tr("Servers"), self.tr("Models that run elsewhere, on any server that speaks OpenAI's protocol.")
        )
        self.add = button(self.tr("Add a server…"), "primary", "plus")
        self.add.clicked.connect(self.add_wanted)
        self.buttons.addWidget(self.add)
        self.cards: dict[Server, ServerCard] = {}
        self._list = QVBoxLayout()
        self._list.setSpacing(scale.L)
        self.empty = EmptyState("servers", self.tr("No servers yet"), tr(_EMPTY))
        self.column.addWidget(self.empty)
        self.column.addLayout(self._list)
        self.column.addStretch(1)

    @Slot(object)
    def show_servers(self, rows: Sequence[ServerRow]) -> None:
        """List the servers; the cards of those that are listed already stay, and the focus with them."""
        self.empty.setVisible(not rows)
        wanted = [shown.server for shown in rows]
        for server in [server for server in self.cards if server not in wanted]:
            card = self.cards.pop(server)
            if card.isAncestorOf(self.focusWidget() or self):
                self.add.setFocus()  # else it would go to the first place of the window
            self._list.removeWidget(card)
            card.hide()
            card.deleteLater()
        for at, shown in enumerate(rows):
            if shown.server in self.cards:
                self.cards[shown.server].show_row(shown)
            else:
                self._list.insertWidget(at, self._card(shown))

    def ask_removal(self, server: Server) -> None:
        """Ask whether a server is to be forgotten."""
        words = self.tr("Its address and its key are forgotten. Conversations stay. The server itself is not touched.")
        dialog = ConfirmDialog(self.tr("Remove {server}?").format(server=server.name), words, self.tr("Remove"), self)
        dialog.accepted.connect(partial(self.remove_wanted.emit, server))
        dialog.open()

    def _card(self, shown: ServerRow) -> ServerCard:
        card = self.cards[shown.server] = ServerCard(shown)
        card.test_wanted.connect(self.test_wanted)
        card.edit_wanted.connect(self.edit_wanted)
        card.remove_wanted.connect(self._on_remove)
        card.chat_wanted.connect(self._on_chat)
        return card

    @Slot(object)
    def _on_remove(self, server: Server) -> None:
        self.ask_removal(server)

    @Slot(object)
    def _on_chat(self, path: str) -> None:
        self.chat_wanted.emit(Path(path))
