"""The conversations on disk, as the window and the command line use them.

A change returns at once with a future; ids are known before, so nobody waits. Reading waits for the changes that were
asked before and takes a few milliseconds: from a window, read in a job.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import filelock

from engine.chat.conversation import Message
from engine.chat.history import care, odds, rows, search
from engine.chat.history.faults import explained
from engine.chat.history.recording import Recording
from engine.chat.history.rows import Entry, TitledBy
from engine.chat.history.schema import connect, version
from engine.chat.history.search import Hit
from engine.chat.history.tree import Node, Tree
from engine.chat.history.writer import Change, Value, Writer
from engine.errors import NotFound, Refused
from engine.events import Notice, Odds
from engine.measure.votes import Vote
from engine.paths import folders

KEEP_DELETED_S = 30 * 24 * 3600.0
_ALLOWED = frozenset({"folder", "pinned", "archived", "options", "system_prompt"})


def default_file() -> Path:
    return folders().data / "conversations.sqlite3"


class History:
    """An open store. One process writes, and holds a lock for it; any number may read.

    ``notices`` tell what was found at opening (a damaged file and what was saved of it). ``on_fault`` hears in another
    thread of each change that could not be made, for most of which nobody waits. Thread-safe.
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        writing: bool = True,
        on_fault: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Raises :class:`Refused` if another process writes, :class:`NotFound` if there is nothing to read."""
        self.file = file or default_file()
        self.notices: Sequence[Notice] = ()
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._lock = filelock.FileLock(f"{self.file}.lock", timeout=0) if writing else None
        self._writer: Writer | None = None
        self._on_fault = on_fault or _report
        self._copying: threading.Thread | None = None
        if self._lock:
            self._begin_writing(self._lock)
        elif not self.file.exists():
            raise NotFound("The file of the conversations", str(self.file.parent), "Nobody has chatted here yet.")

    def _begin_writing(self, lock: filelock.BaseFileLock) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            reason = "The conversations are open in another window of Halfbyte."
            raise Refused(reason, "Go on there, or close it and try again.") from error
        try:
            with explained(self.file):
                self.notices = tuple(care.prepare(self.file))
                self._ids = self._free_ids()
            self._writer = Writer(self.file, self._on_fault)
            self._purge(time.time() - KEEP_DELETED_S)
        except BaseException:
            lock.release()
            raise
        self._copying = threading.Thread(target=self._keep_copy, daemon=True, name="conversations copy")
        self._copying.start()

    @property
    def writing(self) -> bool:
        """Whether this store may be changed."""
        return self._writer is not None

    def close(self) -> None:
        """Write what is waiting, keep a good copy once a day, and let the next one write."""
        if self._writer:
            self._writer.close()
            self._writer = None
            if self._copying:
                self._copying.join()
            self._keep_copy()
        with contextlib.suppress(queue.Empty):
            while True:
                self._readers.get_nowait().close()
        if self._lock:
            self._lock.release()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading

    def entries(self, *, archived: bool = False, folder: str | None = None) -> list[Entry]:
        """Return the conversations, pinned first, then the latest; deleted ones are not among them."""
        where, values = "deleted_s IS NULL AND archived = ?", [archived]
        if folder is not None:
            where, values = f"{where} AND folder = ?", [archived, folder]
        with self._reading() as connection:
            return rows.entries(connection, where, *values)

    def deleted(self) -> list[Entry]:
        """Return what can still be brought back."""
        with self._reading() as connection:
            return rows.entries(connection, "deleted_s IS NOT NULL")

    def entry(self, conversation_id: int) -> Entry:
        """Return one conversation's entry. Raises :class:`NotFound`."""
        with self._reading() as connection:
            found = rows.entries(connection, "id = ?", conversation_id)
        if not found:
            raise NotFound(f"Conversation {conversation_id}", hint="It may have been deleted.")
        return found[0]

    def tree(self, conversation_id: int) -> Tree:
        """Return a conversation with all its branches. Raises :class:`NotFound`."""
        with self._reading() as connection:
            return rows.tree(connection, conversation_id)

    def odds(self, message_id: int) -> tuple[Odds, ...]:
        """Return how likely an answer's tokens were; none where that was not asked for."""
        with self._reading() as connection:
            return odds.one(connection, message_id) if version(connection) >= odds.SINCE else ()

    def whole_tree(self, conversation_id: int) -> Tree:
        """Read a conversation with how likely its answers' tokens were. Raises :class:`NotFound`."""
        with self._reading() as connection:
            known = odds.every(connection, conversation_id) if version(connection) >= odds.SINCE else {}
            return replace(rows.tree(connection, conversation_id), odds=known)

    def folders(self) -> list[str]:
        """Return the names of the folders that hold something."""
        query = "SELECT DISTINCT folder FROM conversations WHERE folder <> '' AND deleted_s IS NULL ORDER BY 1"
        with self._reading() as connection:
            return [row[0] for row in connection.execute(query)]

    def search(self, text: str, limit: int = 50) -> list[Hit]:
        """Return where words occur, as a person types them: titles first, then messages, the newest first."""
        with self._reading() as connection:
            return search.search(connection, text, limit)

    def votes(self) -> list[Vote]:
        """Return what was voted on pairs of answers, oldest first; none in a store that an older Halfbyte wrote."""
        with self._reading() as connection:
            return rows.votes(connection) if version(connection) >= 2 else []

    # Changing a list of conversations

    def new(self, system_prompt: str = "", folder: str = "", **options: Any) -> tuple[Entry, Future[None]]:
        """Begin a conversation."""
        now = time.time()
        entry = Entry(self.new_id(), "", "", system_prompt, folder, options=options, created_s=now, changed_s=now)
        return entry, self._change(lambda connection: rows.add_entry(connection, entry))

    def rename(self, conversation_id: int, title: str, by: TitledBy = "person") -> Future[None]:
        """Give a title. One that the person gave is only replaced by the person."""
        unless = "" if by == "person" else " AND titled_by <> 'person'"
        return self._set(conversation_id, "title = ?, titled_by = ?", title.strip(), by, unless=unless)

    def change(self, conversation_id: int, **values: Any) -> Future[None]:
        """Change ``folder``, ``pinned``, ``archived``, ``system_prompt`` or ``options`` (a whole mapping)."""
        if unknown := values.keys() - _ALLOWED:
            raise ValueError(f"not to be changed: {sorted(unknown)}")
        stored = {name: rows.dump(value) if isinstance(value, Mapping) else value for name, value in values.items()}
        return self._set(conversation_id, ", ".join(f"{name} = ?" for name in stored), *stored.values())

    def delete(self, conversation_id: int) -> Future[None]:
        """Put a conversation where it can be brought back from for 30 days."""
        return self._set(conversation_id, "deleted_s = ?", time.time())

    def undelete(self, conversation_id: int) -> Future[None]:
        return self._set(conversation_id, "deleted_s = NULL")

    def purge(self) -> Future[None]:
        """Delete for good what was deleted."""
        return self._purge(time.time() + 1)

    # Changing a conversation

    def new_id(self) -> int:
        """Return the id for a conversation or a message to come: larger than all before."""
        return next(self._ids)

    def add(self, conversation_id: int, node: Node) -> Future[None]:
        """Add a message that is complete."""
        return self._change(lambda connection: self._add(connection, conversation_id, node))

    def add_tree(self, entry: Entry, tree: Tree) -> Future[None]:
        """Add a whole conversation; its ids must be free, as :meth:`new_id` gives them."""

        def change(connection: sqlite3.Connection) -> None:
            rows.add_entry(connection, entry)
            for node in tree.nodes:
                rows.add_node(connection, entry.id, node)
            for message_id, known in tree.odds.items():
                odds.add(connection, message_id, known)

        return self._change(change)

    def show(self, tree: Tree) -> Future[None]:
        """Remember which branch of a tree is shown."""
        shown = [[node.id] for node in tree.nodes if node.shown]

        def change(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE messages SET shown = 0 WHERE shown AND conversation_id = ?", [tree.conversation_id]
            )
            connection.executemany("UPDATE messages SET shown = 1 WHERE id = ?", shown)

        return self._change(change)

    def remove(self, tree: Tree, node_id: int) -> Future[None]:
        """Delete a message of a tree and all that follows it; see :meth:`Tree.without`."""
        self._change(lambda connection: _delete_message(connection, node_id))
        return self.show(tree.without(node_id))

    def record(self, conversation_id: int, node: Node) -> Recording:
        """Begin an answer's journal: a new message's, or a longer one's in the place of the message with that id.

        Until it is finished the message counts as interrupted, so that a death of the app needs nobody to say so.
        """
        begun = replace(node, message=replace(node.message, ending="interrupted", usage=None))

        def change(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT 1 FROM messages WHERE id = ?", [node.id]).fetchone():
                rows.set_message(connection, node.id, begun.message)
            else:
                self._add(connection, conversation_id, begun)

        self._change(change)
        return Recording(self._writing_thread(), node.id)

    def set_message(self, node_id: int, message: Message) -> Future[None]:
        """Put another message in the place of one."""
        return self._change(lambda connection: rows.set_message(connection, node_id, message))

    def vote(self, vote: Vote) -> Future[None]:
        return self._change(lambda connection: rows.add_vote(connection, vote))

    # Within

    def _add(self, connection: sqlite3.Connection, conversation_id: int, node: Node) -> None:
        rows.add_node(connection, conversation_id, node)
        connection.execute("UPDATE conversations SET changed_s = ? WHERE id = ?", [time.time(), conversation_id])

    def _set(self, conversation_id: int, what: str, *values: Any, unless: str = "") -> Future[None]:
        def change(connection: sqlite3.Connection) -> None:
            connection.execute(f"UPDATE conversations SET {what} WHERE id = ?{unless}", [*values, conversation_id])

        return self._change(change)

    def _purge(self, before_s: float) -> Future[None]:
        def change(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM conversations WHERE deleted_s < ?", [before_s])

        return self._change(change)

    def _change(self, change: Change[Value]) -> Future[Value]:
        return self._writing_thread().do(change)

    def _writing_thread(self) -> Writer:
        if self._writer is None:
            raise Refused("The conversations can only be read here.", "They are open in another window of Halfbyte.")
        return self._writer

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if self._writer:
            self._writer.settle()
        with explained(self.file):
            try:
                connection = self._readers.get_nowait()
            except queue.Empty:
                connection = connect(self.file, writing=False)
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
                self._readers.put(connection)
            except BaseException:
                connection.close()
                raise

    def _free_ids(self) -> Iterator[int]:
        with contextlib.closing(connect(self.file, writing=False)) as connection:
            query = "SELECT max((SELECT max(id) FROM conversations), (SELECT ifnull(max(id), 0) FROM messages))"
            return itertools.count((connection.execute(query).fetchone()[0] or 0) + 1)

    def _keep_copy(self) -> None:
        with contextlib.suppress(OSError, sqlite3.Error):  # a full disk: the store itself says so soon enough
            care.keep_good_copy(self.file)


def _report(error: BaseException) -> None:
    """Report what nobody waits for, as an exception in a thread is reported."""
    thread = threading.current_thread()
    threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, thread)))


def _delete_message(connection: sqlite3.Connection, node_id: int) -> None:
    connection.execute("DELETE FROM messages WHERE id = ?", [node_id])
