"""Read a file of conversations, whoever wrote it, and put them into the store as a job."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.chat.export import records
from engine.chat.history.rows import Entry
from engine.chat.history.store import History
from engine.chat.history.tree import Tree
from engine.chat.importing import chatgpt, openwebui
from engine.chat.importing.pieces import Pieces
from engine.errors import Cancelled, DamagedFile, NotFound, Refused
from engine.events import Event, Finished, Notice, Progress

_KNOWN = "a file exported by Halfbyte, ChatGPT (conversations.json or the .zip) or Open WebUI"


def read_file(file: Path) -> list[tuple[Entry, Tree]]:
    """Return the conversations of a file. Raises ``NotFound``, ``DamagedFile`` or ``Refused``."""
    reading = _Reading(file)
    for _ in reading:
        pass
    return [conversation for record in reading.records if (conversation := _read(record)) is not None]


class Importing:
    """Import a file; the value is the list of new entries. Cancelled, it keeps what is already there."""

    def __init__(self, history: History, file: Path) -> None:
        self._history = history
        self._file = file
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        reading = _Reading(self._file)
        for progress in reading:
            self._check_stop()
            yield progress
        found = reading.records
        added: list[Entry] = []
        unreadable = 0
        for number, record in enumerate(found):
            self._check_stop()
            yield Progress("import", number, len(found), "steps")
            if (conversation := _read(record)) is None:
                unreadable += 1
                continue
            entry, tree = renumbered(self._history, *conversation)
            self._history.add_tree(entry, tree).result()
            added.append(entry)
        if unreadable:
            yield Notice(f"{unreadable} of {len(found)} conversations could not be read and were left out.", "warning")
        yield Finished(added)

    def _check_stop(self) -> None:
        if self._stop.is_set():
            raise Cancelled("The import")


def renumbered(history: History, entry: Entry, tree: Tree) -> tuple[Entry, Tree]:
    """Return a conversation with ids that are free in a store."""
    entry = replace(entry, id=history.new_id())
    ids: dict[int | None, int | None] = {None: None}
    nodes = []
    for node in sorted(tree.nodes, key=lambda node: node.id):
        ids[node.id] = new_id = history.new_id()
        nodes.append(replace(node, id=new_id, parent_id=ids[node.parent_id]))
    odds = {new_id: known for old_id, known in tree.odds.items() if (new_id := ids[old_id])}
    return entry, Tree(entry.id, entry.system_prompt, tuple(nodes), odds)


class _Reading:
    """Read a file: iterate for the progress, and take ``records``. Raises as :func:`read_file` does."""

    def __init__(self, file: Path) -> None:
        self.records: list[Any] = []
        self._file = file
        self._is_foreign = True

    def __iter__(self) -> Iterator[Progress]:
        try:
            for text in _texts(self._file):
                pieces = Pieces(text)
                for characters in pieces:
                    yield Progress("read", characters, len(text))
                self._take(pieces)
        except FileNotFoundError as error:
            raise NotFound(str(self._file)) from error
        except OSError as error:
            raise Refused(f"{self._file} cannot be read: {error.strerror}.", "Check who may read the file.") from error
        except (ValueError, RecursionError, zipfile.BadZipFile) as error:
            raise DamagedFile(str(self._file), _KNOWN, str(error)) from error
        ours = any(isinstance(record, Mapping) and _reader(record) for record in self.records)
        if not ours and self._is_foreign:
            raise DamagedFile(str(self._file), _KNOWN, "something else")

    def _take(self, pieces: Pieces) -> None:
        self._is_foreign = pieces.head.get("format") != records.FORMAT
        if not self._is_foreign and pieces.head.get("version") not in records.VERSIONS:
            raise Refused(f"{self._file.name} was exported by a newer Halfbyte.", "Import it with that version.")
        self.records += pieces.records


def _texts(file: Path) -> Iterator[str]:
    """Yield the text of a file, or of those in an archive that hold conversations."""
    if not zipfile.is_zipfile(file):
        yield file.read_text("utf-8-sig")
        return
    with zipfile.ZipFile(file) as archive:
        for name in sorted(filter(_is_conversations, archive.namelist())):
            yield archive.read(name).decode("utf-8-sig")


def _is_conversations(name: str) -> bool:
    """Tell the file in ChatGPT's archive; larger exports have ``conversations-000.json`` and so on."""
    last = name.rpartition("/")[2]
    return last.startswith("conversations") and last.endswith(".json")


def _reader(record: Mapping[str, Any]) -> Any:
    if "messages" in record and "titled_by" in record:
        return records.conversation
    return next((module.conversation for module in (chatgpt, openwebui) if module.is_one(record)), None)


def _read(record: Any) -> tuple[Entry, Tree] | None:
    """Return a conversation, ``None`` for one that cannot be read: the others of its file still can."""
    try:
        reader = _reader(record)
        if reader is None:
            return None
        entry, tree = reader(record)
        _check(tree)
    except (KeyError, TypeError, ValueError, AttributeError, NotFound):
        return None
    return entry, tree


def _check(tree: Tree) -> None:
    """Raise ``ValueError`` unless the store's own rules hold."""
    seen: set[int | None] = {None}
    for node in sorted(tree.nodes, key=lambda node: node.id):
        message = node.message
        texts_ok = isinstance(message.content, str) and isinstance(message.thinking, str)
        if node.parent_id not in seen or node.id in seen or not texts_ok:
            raise ValueError(f"message {node.id} has no place")
        if message.role not in ("user", "assistant", "system"):
            raise ValueError(f"nobody is called {message.role}")
        seen.add(node.id)
    for node in tree.nodes:
        if sum(sibling.shown for sibling in tree.siblings(node.id)) != 1:
            raise ValueError("not one of a group of siblings is shown")
