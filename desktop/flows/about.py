"""What is known of one answer: its details, and how likely its tokens were, which the store keeps."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Slot

from desktop.jobs import Call, Jobs, Latest
from desktop.models.conversations import Conversations
from desktop.pages.chat import ChatPage
from desktop.widgets.chat.answer_dialog import AnswerDialog
from engine.chat.conversation import Message
from engine.chat.history.store import History
from engine.events import Odds


class AboutFlow(QObject):
    """Without a ``store``, or where the conversation is not kept, the room knows of the latest answers."""

    def __init__(self, jobs: Jobs, page: ChatPage, store: Conversations | None = None) -> None:
        super().__init__(page)
        self._page = page
        self._store = store
        self._reading = Latest(jobs)
        self._reading.finished.connect(self._on_read)
        self._reading.failed.connect(page.show_error)
        page.about_wanted.connect(self.open)

    @Slot(object)
    def open(self, answer_id: int) -> None:
        """Show what is known of an answer of the conversation that is shown."""
        room = self._page.room
        message, known = room.tree[answer_id].message, room.odds(answer_id)
        history = self._store.history if self._store else None
        if known or history is None:
            self._show(message, known)
        else:
            self._reading.start(Call(_read, history, answer_id, message))

    @Slot(object)
    def _on_read(self, read: tuple[Message, tuple[Odds, ...]]) -> None:
        self._show(*read)

    def _show(self, message: Message, odds: tuple[Odds, ...]) -> None:
        dialog = AnswerDialog(message, odds, self._page)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


def _read(history: History, answer_id: int, message: Message) -> tuple[Message, tuple[Odds, ...]]:
    return message, history.odds(answer_id)
