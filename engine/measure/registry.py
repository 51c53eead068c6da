"""What can be measured: one row for each family of formats, imported only in the worker that runs it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import UnsupportedModel


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """How a family of formats is measured: where its two classes are (``module:Class``).

    ``packages`` are the distributions whose version decides whether an earlier result still holds.
    """

    family: str
    scorer: str
    runner: str
    packages: tuple[str, ...]


ROWS: dict[str, MeasureRow] = {
    row.family: row
    for row in (
        MeasureRow(
            "gguf",
            "engine.measure.methods.llama_scorer:LlamaScorer",
            "engine.measure.methods.llama_runner:LlamaRunner",
            ("llama-cpp-python",),
        ),
    )
}


def row_for(format_id: str) -> MeasureRow:
    """Return the row of a format's family. Raises :class:`UnsupportedModel`."""
    row = ROWS.get(format_id.partition("-")[0])
    if row is None:
        raise UnsupportedModel(format_id, "Halfbyte", "models of this format cannot be measured yet.")
    return row
