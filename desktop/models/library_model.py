"""The library as a table: one row a model, sorted by a column and filtered by words and by place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QDateTime, Qt

from desktop.dates import day
from desktop.language import QT_TR_NOOP, tr
from desktop.models.row_model import RowModel
from desktop.quantities import size
from engine.catalog.checkpoint import UNSUPPORTED, Checkpoint
from engine.catalog.download.verify import expected_hashes
from engine.catalog.library import Library
from engine.catalog.notes import Notes, used_s
from engine.convert.source import GGUF_SOURCES
from engine.errors import EngineError
from engine.formats import label_of
from engine.runtime import registry

COLUMNS = (QT_TR_NOOP("Model"), QT_TR_NOOP("Format"), QT_TR_NOOP("Size"), QT_TR_NOOP("From"), QT_TR_NOOP("Last used"))
MODEL, FORMAT, SIZE, FROM, USED = range(len(COLUMNS))
LIBRARY = "Library"  # it stands for the place, and is translated where it is shown


@dataclass(frozen=True, slots=True)
class Entry:
    """A model. ``changed_s`` is when it came and ``used_s`` when it was last loaded (0: never), since 1970."""

    checkpoint: Checkpoint
    changed_s: float
    used_s: float = 0

    @property
    def damaged(self) -> bool:
        return self.checkpoint.damaged

    @property
    def is_own(self) -> bool:
        """Whether it lies in the library: what does not is used in place and never deleted here."""
        return not Path(self.checkpoint.name).is_absolute() and self.place == LIBRARY

    @property
    def place(self) -> str:
        """The app or folder that it belongs to."""
        owners = self.checkpoint.owners
        return owners[0] if owners and self.checkpoint.name.startswith(owners[0]) else LIBRARY

    @property
    def can_chat(self) -> bool:
        try:
            registry.for_checkpoint(self.checkpoint)
        except EngineError:
            return False
        return not self.damaged

    @property
    def can_convert(self) -> bool:
        """Whether it still holds enough to be reduced: an original, or a GGUF file that is nearly one."""
        is_gguf = self.checkpoint.format_id.startswith("gguf-") or self.checkpoint.path.suffix == ".gguf"
        return not is_gguf or self.checkpoint.format_id in GGUF_SOURCES

    @property
    def can_verify(self) -> bool:
        """Whether its hashes are known."""
        return bool(expected_hashes(self.checkpoint))

    @property
    def can_repair(self) -> bool:
        """Whether Halfbyte fetched it, so that what is damaged can be fetched again."""
        source = self.checkpoint.record.get("source")
        return self.is_own and isinstance(source, dict) and {"repository", "commit"} <= source.keys()

    @property
    def folder_words(self) -> str:
        """Where it lies: ``publisher/repository``, or the app and what that has of it."""
        source = self.checkpoint.record.get("source")
        if self.is_own or self.place not in self.checkpoint.name:
            return self.checkpoint.name.rpartition("/")[0]
        repository = source.get("repository") if isinstance(source, dict) else ""
        return f"{self.place} · {repository}" if repository and repository != self.checkpoint.label else self.place

    @property
    def format_words(self) -> str:
        if self.damaged:
            return tr("Damaged")
        if self.checkpoint.format_id == UNSUPPORTED:
            return tr("Not supported")
        return label_of(self.checkpoint.format_id)

    @property
    def source_words(self) -> str:
        """Where it came from, as far as its record says; for others' models, whose they are."""
        if self.checkpoint.owners:
            return ", ".join(self.checkpoint.owners)
        source = self.checkpoint.record.get("source") or {}
        if not isinstance(source, dict):
            return str(source)
        return str(source.get("repository") or Path(source.get("path") or tr("Added by hand")).name)

    @property
    def since_words(self) -> str:
        return day_words(self.changed_s)

    @property
    def used_words(self) -> str:
        return day_words(self.used_s) if self.used_s else tr("Never")


def day_words(seconds: float) -> str:
    """Return a day; today and yesterday by these names."""
    date, today = QDateTime.fromSecsSinceEpoch(int(seconds)).date(), QDateTime.currentDateTime().date()
    return {0: tr("Today"), 1: tr("Yesterday")}.get(date.daysTo(today)) or day(date)


def read_library(library: Library) -> tuple[Entry, ...]:
    """Return what is in the library. It blocks: run it as a job."""
    return entries_of(library.entries())


def entries_of(checkpoints: Sequence[Checkpoint], notes: Notes | None = None) -> tuple[Entry, ...]:
    """Return checkpoints with what is noted of them."""
    noted = (notes or Notes()).all()
    return tuple(Entry(found, _changed_s(found.path), used_s(noted.get(str(found.path), {}))) for found in checkpoints)


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


class LibraryModel(RowModel[Entry]):
    """Hold the entries; ``rows`` are those that pass the filter, in the order that was asked for."""

    columns = COLUMNS

    def __init__(self, rows: Sequence[Entry] = ()) -> None:
        super().__init__(rows)
        self.all = tuple(rows)
        self._words, self._place = "", ""
        self._column, self._descending = -1, False

    def show_rows(self, rows: Sequence[Entry]) -> None:
        self.all = tuple(rows)
        self._arrange()

    def show_filter(self, words: str, place: str = "") -> None:
        """Show only what has all of the words in its name, format or source, and lies in a place (empty: any)."""
        self._words, self._place = words, place
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()

    @property
    def places(self) -> tuple[str, ...]:
        """Where there are models, the library first."""
        found = {entry.place for entry in self.all}
        return tuple(sorted(found, key=lambda place: (place != LIBRARY, place.lower())))

    def row_of(self, name: str) -> int:
        """Return the row of a model's name, -1 if it is not there."""
        return next((row for row, entry in enumerate(self.rows) if entry.checkpoint.name == name), -1)

    def cell_words(self, row: Entry, column: int) -> str:
        return cell_words(row, column)

    def tip(self, row: Entry) -> str:
        return row.checkpoint.problem or str(row.checkpoint.path)

    def _arrange(self) -> None:
        words = self._words.lower().split()
        shown = [entry for entry in self.all if _passes(entry, words, self._place)]
        if self._column >= 0:
            shown.sort(key=_KEYS[self._column], reverse=self._descending)
        super().show_rows(shown)


_KEYS: dict[int, Callable[[Entry], Any]] = {
    MODEL: lambda entry: entry.checkpoint.title.lower(),
    FORMAT: lambda entry: entry.format_words,
    SIZE: lambda entry: entry.checkpoint.size_bytes,
    FROM: lambda entry: entry.source_words.lower(),
    USED: lambda entry: entry.used_s,
}


def _passes(entry: Entry, words: Sequence[str], place: str) -> bool:
    text = f"{entry.checkpoint.name} {entry.format_words} {entry.source_words}".lower()
    return (not place or entry.place == place) and all(word in text for word in words)


def cell_words(entry: Entry, column: int) -> str:
    """Return one cell in words."""
    words = (
        entry.checkpoint.title,
        entry.format_words,
        size(entry.checkpoint.size_bytes),
        entry.source_words,
        entry.used_words,
    )
    return words[column]
