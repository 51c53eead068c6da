"""The library as a table: one row a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QDateTime, QLocale, QModelIndex, QPersistentModelIndex, Qt

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.source import GGUF_SOURCES
from engine.errors import EngineError
from engine.quantities import size
from engine.runtime import registry

COLUMNS = ("Model", "Format", "Size", "From", "Since")
MODEL, FORMAT, SIZE, FROM, SINCE = range(len(COLUMNS))

ENTRY = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True)
class Entry:
    """A model of the library. ``changed_s`` is when it came, in seconds since 1970."""

    checkpoint: Checkpoint
    changed_s: float

    @property
    def damaged(self) -> bool:
        return self.checkpoint.format_id == "damaged"

    @property
    def can_chat(self) -> bool:
        try:
            registry.for_checkpoint(self.checkpoint)
        except EngineError:
            return False
        return True

    @property
    def can_convert(self) -> bool:
        """Whether it still holds enough to be reduced: an original, or a GGUF file that is nearly one."""
        return self.checkpoint.path.suffix != ".gguf" or self.checkpoint.format_id in GGUF_SOURCES

    @property
    def folder_words(self) -> str:
        """Where it lies in the library: ``publisher/repository``."""
        return self.checkpoint.name.rpartition("/")[0]

    @property
    def format_words(self) -> str:
        if self.damaged:
            return "Damaged"
        return self.checkpoint.format.label if self.checkpoint.format else self.checkpoint.format_id

    @property
    def source_words(self) -> str:
        """Where it came from, as far as its record says."""
        source = self.checkpoint.record.get("source") or {}
        if not isinstance(source, dict):
            return str(source)
        return str(source.get("repository") or Path(source.get("path") or "Added by hand").name)

    @property
    def since_words(self) -> str:
        return QLocale().toString(QDateTime.fromSecsSinceEpoch(int(self.changed_s)).date(), "d MMM yyyy")


def read_library(library: Library) -> tuple[Entry, ...]:
    """Return what is in the library. It blocks: run it as a job."""
    return tuple(Entry(found, found.path.stat().st_mtime) for found in library.entries())


class LibraryModel(QAbstractTableModel):
    """Hold the entries. The role :data:`ENTRY` gives a row's value itself."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        super().__init__()
        self._entries = tuple(entries)

    def show_entries(self, entries: Sequence[Entry]) -> None:
        self.beginResetModel()
        self._entries = tuple(entries)
        self.endResetModel()

    def entry_at(self, row: int) -> Entry | None:
        return self._entries[row] if 0 <= row < len(self._entries) else None

    def row_of(self, name: str) -> int:
        """Return the row of a model's name, -1 if it is not there."""
        return next((row for row, entry in enumerate(self._entries) if entry.checkpoint.name == name), -1)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self._entries)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry = self._entries[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return cell_words(entry, index.column())
            case Qt.ItemDataRole.ToolTipRole:
                return str(entry.checkpoint.path)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{COLUMNS[index.column()]}: {cell_words(entry, index.column())}"
        return entry if role == ENTRY else None


def cell_words(entry: Entry, column: int) -> str:
    """Return one cell in words."""
    words = (
        entry.checkpoint.title,
        entry.format_words,
        size(entry.checkpoint.size_bytes),
        entry.source_words,
        entry.since_words,
    )
    return words[column]
