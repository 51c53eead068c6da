"""The library as a table: one row a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QDateTime, QLocale

from desktop.models.row_model import RowModel
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.source import GGUF_SOURCES
from engine.errors import EngineError
from engine.quantities import size
from engine.runtime import registry

COLUMNS = ("Model", "Format", "Size", "From", "Since")
MODEL, FORMAT, SIZE, FROM, SINCE = range(len(COLUMNS))


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


class LibraryModel(RowModel[Entry]):
    """Hold the entries."""

    columns = COLUMNS

    def row_of(self, name: str) -> int:
        """Return the row of a model's name, -1 if it is not there."""
        return next((row for row, entry in enumerate(self.rows) if entry.checkpoint.name == name), -1)

    def cell_words(self, row: Entry, column: int) -> str:
        return cell_words(row, column)

    def tip(self, row: Entry) -> str:
        return str(row.checkpoint.path)


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
