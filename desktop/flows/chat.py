"""The chat page on the kept conversations: list, open, search, rename, delete; what is said goes into the store."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from desktop.jobs import Jobs
from desktop.models.conversation_rows import title_of
from desktop.models.conversations import Conversations, Opened
from desktop.pages.chat import ChatPage
from engine.chat.history.rows import Entry
from engine.chat.history.search import Hit
from engine.chat.history.tree import Tree


class ChatFlow(QObject):
    """Owns the store's side of the page. Call :meth:`start` once, and :meth:`close` when the page's room is closed."""

    def __init__(self, jobs: Jobs, page: ChatPage) -> None:
        super().__init__(page)
        self.store = Conversations(jobs, self)
        self._page = page
        self._panel = page.panel
        self._deleted: int | None = None
        self._wire()

    def start(self) -> None:
        """Open the store; the page says so until it is open."""
        self._page.room.await_store()
        self.store.open_store()

    def close(self) -> None:
        self.store.close()

    # The store tells

    @Slot(object)
    def _on_opened(self, opened: Opened) -> None:
        self._page.room.keep_in(self.store.history if self.store.writing else None)
        if opened.refusal:
            reason = f"{opened.refusal.message} {opened.refusal.hint}".strip()
            self._page.keeping.show_note(f"What is said here is not kept. {reason}", level="warning")
        elif opened.history:
            for notice in opened.history.notices:
                self._page.keeping.show_note(notice.text, level="warning")

    @Slot()
    def _on_changed(self) -> None:
        self._panel.show_entries(self.store.entries, changeable=self.store.writing)

    @Slot(object, object, object)
    def _on_loaded(self, entry: Entry, tree: Tree, message_id: int | None) -> None:
        self._page.show_conversation(entry, tree, message_id)

    # The room tells

    @Slot(object)
    def _on_began(self, entry: Entry) -> None:
        if self.store.writing:
            self.store.put(entry)
            self._panel.select(entry.id)

    # The person wants

    @Slot(object)
    def _on_open(self, row: Entry | Hit) -> None:
        conversation_id, message_id = (
            (row.id, None) if isinstance(row, Entry) else (row.conversation_id, row.message_id)
        )
        room = self._page.room
        if room.entry and room.entry.id == conversation_id:
            self._page.show_message(message_id)
        else:
            self._page.leave()
            self.store.load(conversation_id, message_id, after=room.left)

    @Slot(object, bool)
    def _on_pin(self, conversation_id: int, pinned: bool) -> None:
        self.store.change(conversation_id, pinned=pinned)

    @Slot(object, bool)
    def _on_archive(self, conversation_id: int, archived: bool) -> None:
        self.store.change(conversation_id, archived=archived)

    @Slot(object)
    def _on_delete(self, conversation_id: int) -> None:
        entry = self.store.entry(conversation_id)
        if entry is None:
            return
        if self._page.room.entry and self._page.room.entry.id == conversation_id:
            self._page.room.forget()
            self._page.begin_anew()
        self._deleted = conversation_id
        self.store.delete(conversation_id)
        self._page.show_deleted(title_of(entry))

    @Slot()
    def _on_undo(self) -> None:
        if self._deleted is not None:
            self.store.undelete(self._deleted)
            self.store.load(self._deleted)
            self._deleted = None

    def _wire(self) -> None:
        store, panel, page = self.store, self._panel, self._page
        store.opened.connect(self._on_opened)
        store.changed.connect(self._on_changed)
        store.loaded.connect(self._on_loaded)
        store.found.connect(panel.show_hits)
        store.failed.connect(page.show_error)
        page.room.began.connect(self._on_began)
        page.room.said.connect(store.touch)
        page.room.titled.connect(store.rename)
        page.undelete_wanted.connect(self._on_undo)
        panel.opened.connect(self._on_open)
        panel.search_wanted.connect(store.search)
        panel.rename_wanted.connect(store.rename)
        panel.pin_wanted.connect(self._on_pin)
        panel.archive_wanted.connect(self._on_archive)
        panel.delete_wanted.connect(self._on_delete)
