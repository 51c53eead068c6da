"""The chat page on the kept conversations: list, open, search, rename, delete; what is said goes into the store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from desktop.jobs import Call, Jobs
from desktop.language import tr
from desktop.models.conversation_rows import title_of
from desktop.models.conversations import Conversations, Opened
from desktop.models.exporting import ENDINGS, Exporting, Form, ending_of, write
from desktop.pages.chat import ChatPage
from engine.chat.history.rows import Entry
from engine.chat.history.search import Hit
from engine.chat.history.tree import Tree
from engine.chat.importing.files import Importing
from engine.errors import Cancelled
from engine.events import Notice


class ChatFlow(QObject):
    """Owns the store's side of the page. Call :meth:`start` once, and :meth:`close` when the page's room is closed."""

    def __init__(self, jobs: Jobs, page: ChatPage) -> None:
        super().__init__(page)
        self.store = Conversations(jobs, self)
        self._jobs = jobs
        self._page = page
        self._notice = ""
        self._panel = page.panel
        self._undo: Callable[[], None] | None = None  # of what was told last
        self._sought: Hit | None = None  # whose conversation is being opened
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
            self._page.keeping.show_note(
                self.tr("What is said here is not kept. {reason}").format(reason=reason), level="warning"
            )
        elif opened.history:
            for notice in opened.history.notices:
                self._page.keeping.show_note(notice.text, level="warning")

    @Slot()
    def _on_changed(self) -> None:
        self._panel.show_entries(self.store.entries, changeable=self.store.writing)

    @Slot(object, object, object)
    def _on_loaded(self, entry: Entry, tree: Tree, message_id: int | None) -> None:
        self._page.show_conversation(entry, tree, message_id)
        self._mark_sought()

    # The room tells

    def take_begun(self, entry: Entry) -> None:
        """List a conversation that has just begun, in the folder that is shown."""
        if self.store.writing:
            self.store.put(entry)
            if self._panel.folder:
                self.store.move([entry.id], self._panel.folder)

    @Slot(object)
    def _on_began(self, entry: Entry) -> None:
        self.take_begun(entry)
        self._panel.select(entry.id)

    @Slot(object, dict)
    def _on_steered(self, conversation_id: int, values: dict[str, Any]) -> None:
        self.store.keep(conversation_id, **values)

    # The person wants

    @Slot(object)
    def _on_open(self, row: Entry | Hit) -> None:
        conversation_id, message_id = (
            (row.id, None) if isinstance(row, Entry) else (row.conversation_id, row.message_id)
        )
        room = self._page.room
        self._sought = row if isinstance(row, Hit) else None
        if room.entry and room.entry.id == conversation_id:
            self._page.show_message(message_id)
            self._mark_sought()
        else:
            self._page.leave()
            self.store.load(conversation_id, message_id, after=room.left)

    def _mark_sought(self) -> None:
        """Mark in the message that is shown what the search found there."""
        hit, self._sought = self._sought, None
        if hit and hit.message_id is not None and (view := self._page.transcript.view_of(hit.message_id)):
            self._page.finding.show_hit(view, hit.words)

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
        self.store.delete(conversation_id)
        self._offer_undo(
            self.tr("“{title}” was deleted.").format(title=title_of(entry)),
            partial(self._undelete, conversation_id),
        )

    @Slot(list, str)
    def _on_dissolve(self, conversation_ids: list[int], folder: str) -> None:
        self.store.move(conversation_ids, "")
        self._offer_undo(
            self.tr("The folder “{folder}” was dissolved.").format(folder=folder),
            partial(self._gather, conversation_ids, folder),
        )

    def _offer_undo(self, sentence: str, undo: Callable[[], None]) -> None:
        self._undo = undo
        self._page.show_undoable(sentence)

    @Slot()
    def _on_undo(self) -> None:
        undo, self._undo = self._undo, None
        if undo:
            undo()

    def _undelete(self, conversation_id: int) -> None:
        self.store.undelete(conversation_id)
        self.store.load(conversation_id)

    def _gather(self, conversation_ids: list[int], folder: str) -> None:
        """Put conversations back into their folder; those that were put into another meanwhile stay there."""
        found = (self.store.entry(each) for each in conversation_ids)
        self.store.move([entry.id for entry in found if entry and not entry.folder], folder)
        self._panel.folders.choose(folder)

    # Files

    @Slot(object, str)
    def _on_export(self, conversation_id: int | None, form: Form) -> None:
        entry = None if conversation_id is None else self.store.entry(conversation_id)
        name = (file_name(title_of(entry)) if entry else self.tr("Conversations")) + ENDINGS[form]
        chosen, _ = QFileDialog.getSaveFileName(self._page, self.tr("Export"), str(Path.home() / name))
        if chosen:
            self.export(Path(chosen), form, conversation_id)

    def export(self, file: Path, form: Form, conversation_id: int | None = None) -> None:
        """Write a conversation, or all of them, to a file."""
        if self.store.history is None:
            return
        ids = [entry.id for entry in self.store.entries] if conversation_id is None else [conversation_id]
        thread = self._jobs.start(
            Exporting(self.store.history, ids, form, file), self.tr("Exporting to {file}").format(file=file.name)
        )
        thread.finished.connect(self._on_exported)
        thread.failed.connect(self._on_job_failed)

    @Slot(object)
    def _on_exported(self, file: Path) -> None:
        self._page.keeping.show_note(self.tr("Exported to {file}.").format(file=file))

    @Slot(str, str)
    def _on_save_code(self, code: str, language: str) -> None:
        proposed = Path.home() / (self.tr("code") + ending_of(language))
        chosen, _ = QFileDialog.getSaveFileName(self._page, self.tr("Save code"), str(proposed))
        if chosen:
            self.save_code(Path(chosen), code)

    def save_code(self, file: Path, code: str) -> None:
        """Write a block of code to a file."""
        thread = self._jobs.start(Call(write, file, code.rstrip("\n") + "\n"))
        thread.finished.connect(self._on_saved)
        thread.failed.connect(self._on_job_failed)

    @Slot(object)
    def _on_saved(self, file: Path) -> None:
        self._page.keeping.show_note(self.tr("Saved as {file}.").format(file=file))

    @Slot()
    def _on_import(self) -> None:
        files = self.tr("Conversations (*.json *.zip)")
        chosen, _ = QFileDialog.getOpenFileName(self._page, self.tr("Import conversations"), str(Path.home()), files)
        if chosen:
            self.take_in(Path(chosen))

    def take_in(self, file: Path) -> None:
        """Import the conversations of a file."""
        if self.store.history is None or not self.store.writing:
            return
        thread = self._jobs.start(
            Importing(self.store.history, file), self.tr("Importing {file}").format(file=file.name)
        )
        thread.noticed.connect(self._on_notice)
        thread.finished.connect(self._on_imported)
        thread.failed.connect(self._on_job_failed)
        self._notice = ""

    @Slot(object)
    def _on_notice(self, notice: Notice) -> None:
        self._notice = notice.text

    @Slot(object)
    def _on_imported(self, entries: list[Entry]) -> None:
        self.store.take(entries)
        count = tr("%Ln conversation(s) (was|were) imported.", "", len(entries))
        self._page.keeping.show_note(f"{count} {self._notice}".strip())

    @Slot(Exception)
    def _on_job_failed(self, error: Exception) -> None:
        if isinstance(error, Cancelled):
            self.store.read_again()  # an import keeps what is already there
        else:
            self._page.show_error(error)

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
        page.room.steered.connect(self._on_steered)
        page.undo_wanted.connect(self._on_undo)
        page.transcript.save_wanted.connect(self._on_save_code)
        panel.opened.connect(self._on_open)
        panel.search_wanted.connect(store.search)
        panel.rename_wanted.connect(store.rename)
        panel.pin_wanted.connect(self._on_pin)
        panel.archive_wanted.connect(self._on_archive)
        panel.move_wanted.connect(store.move)
        panel.dissolve_wanted.connect(self._on_dissolve)
        panel.delete_wanted.connect(self._on_delete)
        panel.export_wanted.connect(self._on_export)
        panel.import_wanted.connect(self._on_import)


def file_name(title: str) -> str:
    """Return a title as a file's name for all systems, without an ending."""
    kept = "".join(letter if letter.isalnum() or letter in " -_" else " " for letter in title)
    return " ".join(kept.split())[:60] or tr("Conversation")
