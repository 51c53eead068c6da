"""The list of conversations: rows under the heads of their days, or the hits of a search."""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from desktop.dates import day, day_of_year, month, time_of_day
from desktop.language import tr
from engine.chat.history.rows import Entry
from engine.chat.history.search import Hit

Index = QModelIndex | QPersistentModelIndex
ROW = Qt.ItemDataRole.UserRole
_NOWHERE = QModelIndex()
_WEEK, _MONTH = 7, 30  # days


@dataclass(frozen=True, slots=True)
class Head:
    """A line that says what the rows below it have in common."""

    words: str


Row = Head | Entry | Hit


def title_of(row: Entry | Hit) -> str:
    return row.title or tr("New conversation")


def group_of(changed: datetime.date, today: datetime.date) -> str:
    """Return the head for conversations that were last changed on a day."""
    days = (today - changed).days
    if days <= 1:
        return tr("Today") if days <= 0 else tr("Yesterday")
    if days <= _MONTH:
        return tr("Last 7 days") if days <= _WEEK else tr("Last 30 days")
    return month(changed)


def when_words(time_s: float, today: datetime.date) -> str:
    """Return the time of something of today, else its date."""
    moment = datetime.datetime.fromtimestamp(time_s)
    if moment.date() == today:
        return time_of_day(moment.time())
    return day_of_year(moment.date()) if moment.year == today.year else day(moment.date())


def grouped(entries: Sequence[Entry], today: datetime.date) -> list[Row]:
    """Return entries, each group under its head; 10,000 take some 10 ms."""
    rows: list[Row] = []
    last, pinned = "", tr("Pinned")
    words: dict[datetime.date, str] = {}  # a month's name takes 20 µs
    for entry in entries:
        changed = datetime.date.fromtimestamp(entry.changed_s)
        month_of = changed if (today - changed).days <= _MONTH else changed.replace(day=1)
        if entry.pinned:
            group = pinned
        elif (known := words.get(month_of)) is not None:
            group = known
        else:
            group = words[month_of] = group_of(changed, today)
        if group != last:
            rows.append(Head(group))
            last = group
        rows.append(entry)
    return rows


class ConversationRows(QAbstractListModel):
    """Hold the rows; the role :data:`ROW` gives a row's value itself. A title can be edited where ``editable``."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.editable = False
        self.today = datetime.date.fromtimestamp(time.time())

    def show_entries(self, entries: Sequence[Entry]) -> None:
        self.today = datetime.date.fromtimestamp(time.time())
        self._show(grouped(entries, self.today))

    def show_hits(self, hits: Sequence[Hit]) -> None:
        self._show(list(hits))

    def index_of(self, conversation_id: int) -> QModelIndex:
        """Return where a conversation stands, an invalid index if it is not in the list."""
        for at, row in enumerate(self.rows):
            if isinstance(row, Entry) and row.id == conversation_id:
                return self.index(at)
        return QModelIndex()

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def flags(self, index: Index) -> Qt.ItemFlag:
        row = self.rows[index.row()] if index.isValid() else Head("")
        if isinstance(row, Head):
            return Qt.ItemFlag.NoItemFlags
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return flags | Qt.ItemFlag.ItemIsEditable if self.editable and isinstance(row, Entry) else flags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self.rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return row.words if isinstance(row, Head) else title_of(row)
            case Qt.ItemDataRole.AccessibleTextRole | Qt.ItemDataRole.ToolTipRole:
                return self._words(row)
        return row if role == ROW else None

    def _words(self, row: Row) -> str:
        match row:
            case Head():
                return row.words
            case Entry():
                words = f"{title_of(row)}, {when_words(row.changed_s, self.today)}"
                return self.tr("{words}, in {folder}").format(words=words, folder=row.folder) if row.folder else words
            case Hit():
                return f"{title_of(row)}: {' '.join(row.snippet.text.split())}"

    def _show(self, rows: list[Row]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()
