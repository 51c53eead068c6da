"""The ranked formats as a table. One row a :class:`Fit`, best first; what does not fit is dimmed by its view."""

from __future__ import annotations

from desktop.models.row_model import RowModel
from desktop.models.suggestion import PLACES, context_words, speed_words
from engine.quantities import size
from engine.recommend.fit import Fit

COLUMNS = ("Format", "File", "Memory", "Context", "Speed", "Runs on", "Why")
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
    words = (
        f"{fit.format.label}, {fit.format.quality.words}",
        size(fit.file_bytes),
        f"{size(fit.footprint.total_bytes)} of {size(fit.free_bytes)}",
        context_words(fit.largest_context),
        speed_words(fit.decode_tokens_s),
        PLACES[fit.place],
        fit.reason,
    )
    return words[column]
