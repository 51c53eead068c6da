"""The kept conversations, for the window to list, open and change. What waits for the disk runs as a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.jobs import Call, Jobs, JobThread, Latest
from desktop.language import tr
from engine.chat.asking import cache_key
from engine.chat.history.rows import Entry, TitledBy
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.errors import Cancelled, EngineError, Refused
from engine.events import Event, Finished
from engine.runtime import kept_prompts


@dataclass(frozen=True, slots=True)
class Opened:
    """The store, or the best that could be had, and what to tell the person. ``refusal``: why nothing is kept."""

    history: History | None
    entries: tuple[Entry, ...] = ()
    archived: tuple[Entry, ...] = ()
    refusal: EngineError | None = None


class Opening:
    """Open the store; the value is :class:`Opened`. Cancelled, it closes what it had just opened."""

    def __init__(self, on_fault: Any) -> None:
        self._on_fault = on_fault
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        self._cancelled.set()

    def __iter__(self) -> Iterator[Event]:
        opened = self._opened()
        if self._cancelled.is_set():
            if opened.history:
                opened.history.close()
            raise Cancelled(tr("Opening the conversations"))
        yield Finished(opened)

    def _opened(self) -> Opened:
        try:
            return _read_or_close(History(on_fault=self._on_fault))
        except Refused as refusal:
            try:
                return _read_or_close(History(writing=False), refusal)
            except EngineError:
                return Opened(None, refusal=refusal)
        except EngineError as refusal:
            return Opened(None, refusal=refusal)


class Conversations(QObject):
    """``opened`` comes once; ``changed`` with every other list; ``failed`` tells of a change that was not made.

    ``loaded`` carries (entry, tree, the message to go to or None), ``found`` the hits of the newest search.
    """

    opened = Signal(object)
    changed = Signal()
    failed = Signal(Exception)
    loaded = Signal(object, object, object)
    found = Signal(list)

    def __init__(self, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._faults = _Faults(self)
        self._faults.told.connect(self._on_fault)
        self.history: History | None = None
        self._entries: dict[int, Entry] = {}
        self._opening = self._latest(self._on_opened)
        self._listing = self._latest(self._on_listed)
        self._loading = self._latest(self._on_loaded)
        self._searching = self._latest(self._on_found)

    @property
    def writing(self) -> bool:
        """Whether what is said is kept."""
        return self.history is not None and self.history.writing

    @property
    def entries(self) -> list[Entry]:
        """The conversations that are not deleted, pinned first, then the latest; archived ones among them."""
        there = (entry for entry in self._entries.values() if entry.deleted_s is None)
        return sorted(there, key=lambda entry: (not entry.pinned, -entry.changed_s, -entry.id))

    def entry(self, conversation_id: int) -> Entry | None:
        return self._entries.get(conversation_id)

    def open_store(self) -> None:
        self._opening.start(Opening(self._faults.tell))

    def close(self) -> None:
        """Write what is waiting; it may take a moment."""
        if self.history:
            self.history.close()
            self.history = None

    # Reading

    def load(self, conversation_id: int, message_id: int | None = None, after: JobThread | None = None) -> None:
        """Read a conversation, once the job ``after`` has ended: the answer that it writes belongs to it."""
        if self.history:
            self._loading.start(Call(_loaded, self.history, conversation_id, message_id, after))

    def search(self, text: str) -> None:
        if self.history:
            self._searching.start(Call(self.history.search, text, doing=self.tr("Searching")))

    # Changing

    def put(self, entry: Entry) -> None:
        """Take an entry into the list, in place of what it was before."""
        self._entries[entry.id] = entry
        self.changed.emit()

    def take(self, entries: Sequence[Entry]) -> None:
        """Take many entries into the list."""
        self._entries.update((entry.id, entry) for entry in entries)
        self.changed.emit()

    def read_again(self) -> None:
        """Read the list anew: others than this may have changed it."""
        if self.history:
            self._listing.start(Call(_read, self.history))

    def touch(self, conversation_id: int) -> None:
        """Say that something was said in a conversation just now."""
        if entry := self._entries.get(conversation_id):
            self.put(replace(entry, changed_s=time.time()))

    def rename(self, conversation_id: int, title: str, by: TitledBy = "person") -> None:
        """Give a title; by itself none takes the place of the person's."""
        entry, title = self._changeable(conversation_id), title.strip()
        if entry and self.history and title and (by == "person" or entry.titled_by != "person"):
            self.history.rename(entry.id, title, by)
            self.put(replace(entry, title=title, titled_by=by))

    def change(self, conversation_id: int, **values: Any) -> None:
        """Change ``pinned`` or ``archived``."""
        if (entry := self._changeable(conversation_id)) and self.history:
            self.history.change(entry.id, **values)
            self.put(replace(entry, **values))

    def move(self, conversation_ids: Sequence[int], folder: str) -> None:
        """Put conversations into a folder; "" takes them out of theirs."""
        entries = [entry for each in conversation_ids if (entry := self._changeable(each))]
        if self.history:
            for entry in entries:
                self.history.change(entry.id, folder=folder)
            self.take([replace(entry, folder=folder) for entry in entries])

    def keep(self, conversation_id: int, **values: Any) -> None:
        """Change what the list does not show, such as ``options`` and ``system_prompt``: nothing is listed anew."""
        if (entry := self._changeable(conversation_id)) and self.history:
            self.history.change(entry.id, **values)
            self._entries[entry.id] = replace(entry, **values)

    def delete(self, conversation_id: int) -> None:
        """Delete a conversation; :meth:`undelete` brings it back for 30 days."""
        if (entry := self._changeable(conversation_id)) and self.history:
            self.history.delete(entry.id)
            self._jobs.start(Call(kept_prompts.forget, cache_key(entry.id)))
            self.put(replace(entry, deleted_s=time.time()))

    def undelete(self, conversation_id: int) -> None:
        if (entry := self._changeable(conversation_id)) and self.history:
            self.history.undelete(entry.id)
            self.put(replace(entry, deleted_s=None))

    # Within

    def _changeable(self, conversation_id: int) -> Entry | None:
        return self._entries.get(conversation_id) if self.writing else None

    def _latest(self, hears: Any) -> Latest:
        made = Latest(self._jobs)
        made.finished.connect(hears)
        made.failed.connect(self.failed)
        return made

    @Slot(object)
    def _on_opened(self, opened: Opened) -> None:
        self.history = opened.history
        self._entries = {entry.id: entry for entry in (*opened.entries, *opened.archived)}
        self.opened.emit(opened)
        self.changed.emit()

    @Slot(object)
    def _on_listed(self, listed: Opened) -> None:
        self.take([*listed.entries, *listed.archived])

    @Slot(object)
    def _on_loaded(self, loaded: tuple[Entry, Tree, int | None]) -> None:
        self.loaded.emit(*loaded)

    @Slot(object)
    def _on_found(self, hits: list[Any]) -> None:
        self.found.emit(hits)

    @Slot(object)
    def _on_fault(self, error: Exception) -> None:
        self.failed.emit(error)


class _Faults(QObject):
    """Bring the store's faults from its own thread to the main thread."""

    told = Signal(object)

    def tell(self, error: BaseException) -> None:
        self.told.emit(error)


def _read_or_close(history: History, refusal: EngineError | None = None) -> Opened:
    try:
        return _read(history, refusal)
    except BaseException:
        history.close()
        raise


def _read(history: History, refusal: EngineError | None = None) -> Opened:
    return Opened(history, tuple(history.entries()), tuple(history.entries(archived=True)), refusal)


def _loaded(
    history: History, conversation_id: int, message_id: int | None, after: JobThread | None
) -> tuple[Entry, Tree, int | None]:
    if after:
        after.wait()
    return history.entry(conversation_id), history.tree(conversation_id), message_id
