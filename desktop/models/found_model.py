"""What a search found as a table: one row a model, with how it would probably run here."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QDateTime, Qt

from desktop.dates import day
from desktop.language import QT_TR_NOOP, tr
from desktop.models.row_model import RowModel
from desktop.models.suggestion import parameters_words, speed_words
from desktop.models.verdict import Verdict, verdict_of
from desktop.quantities import number, size
from engine.catalog.find import Asking
from engine.catalog.hub.client import Hub
from engine.catalog.hub.outlook import NO_TEXT, Outlook, outlook
from engine.catalog.hub.patience import OnWait
from engine.catalog.hub.search import search
from engine.catalog.hub.values import FoundModel, Query
from engine.catalog.observations import Observations
from engine.machine.facts import Machine

COLUMNS = (
    QT_TR_NOOP("Model"),
    QT_TR_NOOP("Runs here"),
    QT_TR_NOOP("Best format"),
    QT_TR_NOOP("Speed"),
    QT_TR_NOOP("Downloads"),
)
MODEL, VERDICT, FORMAT, SPEED, DOWNLOADS = range(len(COLUMNS))


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A model that was found. ``outlook`` is ``None`` until the machine is known."""

    model: FoundModel
    outlook: Outlook | None = None

    @property
    def title(self) -> str:
        return self.model.name.partition("/")[2] or self.model.name

    @property
    def verdict(self) -> Verdict:
        if self.outlook is None:
            return Verdict("none", tr("Looking…"))
        if self.outlook.reason == NO_TEXT:
            return Verdict("none", tr("Not for chat"))
        return verdict_of(self.outlook.fit)

    @property
    def about_words(self) -> str:
        """Who made it, how large it is, when it changed, and whether it asks for permission."""
        count = self.model.parameters
        amount = parameters_words(count) if count else ""
        gate = tr("asks for permission") if self.model.gated else tr("private") if self.model.private else ""
        return " · ".join(filter(None, [gate, self.model.author, amount, self.changed_words]))

    @property
    def changed_words(self) -> str:
        date = QDateTime.fromString(self.model.changed, Qt.DateFormat.ISODate).date()
        return day(date) if date.isValid() else ""

    @property
    def memory_words(self) -> str:
        fit = self.outlook.fit if self.outlook else None
        return tr("about {size}").format(size=size(fit.footprint.total_bytes)) if fit else ""

    @property
    def reason(self) -> str:
        if self.outlook is None:
            return tr("This computer is being looked at.")
        fit = self.outlook.fit
        return " ".join((fit.reason, *fit.obstacles)) if fit else self.outlook.reason


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Some rows of a search; ``next`` fetches the following ones, empty on the last page."""

    rows: tuple[FoundRow, ...]
    next: str = ""


def finding(hub: Hub, query: Query, page: str, machine: Machine | None, context_tokens: int) -> Asking:
    """Return the job of a search; it ends with a :class:`FoundPage`."""

    def ask(stop: threading.Event, on_wait: OnWait) -> FoundPage:
        found = search(hub, query, page, stop, on_wait)
        return FoundPage(judged(found.rows, machine, context_tokens), found.next)

    return Asking(ask)


def judged(found: Sequence[FoundModel], machine: Machine | None, context_tokens: int) -> tuple[FoundRow, ...]:
    """Return rows with their outlook. It takes some twentieths of a second for each: run it as a job."""
    if machine is None:
        return tuple(FoundRow(model, None) for model in found)
    corrections = Observations().corrections()
    return tuple(FoundRow(model, outlook(model, machine, context_tokens, corrections)) for model in found)


class FoundTableModel(RowModel[FoundRow]):
    """Hold what was found."""

    columns = COLUMNS

    def row_of(self, name: str) -> int:
        """Return the row of a model, -1 if it is not there."""
        return next((row for row, found in enumerate(self.rows) if found.model.name == name), -1)

    def cell_words(self, row: FoundRow, column: int) -> str:
        return cell_words(row, column)

    def tip(self, row: FoundRow) -> str:
        return f"{row.model.name}\n{row.reason}"


def cell_words(row: FoundRow, column: int) -> str:
    """Return one cell in words."""
    fit = row.outlook.fit if row.outlook else None
    words = (
        f"{row.title}, {row.about_words}",
        row.verdict.words,
        f"{fit.format.label}, {row.memory_words}" if fit else "–",
        speed_words(fit.decode_tokens_s if fit and fit.fits else None),
        f"{count_words(row.model.downloads)}, {likes_words(row.model.likes)}",
    )
    return words[column]


def count_words(count: int) -> str:
    """Return a count that nobody needs exactly: 1.2 M, 340 k, 87."""
    if count >= 1_000_000:
        return tr("{count} M").format(count=number(count / 1e6, 1))
    return tr("{count} k").format(count=number(count / 1e3)) if count >= 10_000 else number(count)


def likes_words(count: int) -> str:
    return tr("{count} likes").format(count=count_words(count))
