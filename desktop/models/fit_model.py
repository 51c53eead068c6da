"""The ranked formats as a table. One row a :class:`Fit`, best first; what does not fit is dimmed by its view."""

from __future__ import annotations

from desktop.language import QT_TR_NOOP, tr
from desktop.models.row_model import RowModel
from desktop.models.suggestion import PLACES, context_words, speed_words
from desktop.quantities import size
from engine.recommend.fit import Fit

COLUMNS = (
    QT_TR_NOOP("Format"),
    QT_TR_NOOP("File"),
    QT_TR_NOOP("Memory"),
    QT_TR_NOOP("Context"),
    QT_TR_NOOP("Speed"),
    QT_TR_NOOP("Runs on"),
    QT_TR_NOOP("Why"),
)
FORMAT, FILE, MEMORY, CONTEXT, SPEED, PLACE, WHY = range(len(COLUMNS))


class FitModel(RowModel[Fit]):
    """Hold the fits."""

    columns = COLUMNS

    def row_of(self, format_id: str) -> int:
        """Return the row of a format, -1 if it is not there."""
        return next((row for row, fit in enumerate(self.rows) if fit.format.id == format_id), -1)

    def cell_words(self, row: Fit, column: int) -> str:
        return cell_words(row, column)

    def tip(self, row: Fit) -> str:
        return " ".join((row.reason, *row.obstacles))


def cell_words(fit: Fit, column: int) -> str:
    """Return one cell in words."""
    needed = size(fit.footprint.total_bytes)
    words = (
        f"{fit.format.label}, {fit.format.quality.words}",
        size(fit.file_bytes),
        tr("{total} of {free}").format(total=needed, free=size(fit.free_bytes)) if fit.free_bytes > 0 else needed,
        context_words(fit.largest_context),
        speed_words(fit.decode_tokens_s),
        tr(PLACES[fit.place]),
        fit.reason,
    )
    return words[column]
