"""What can be measured: one row for each family of formats, imported only in the worker that runs it."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from engine.errors import PackageMissing, UnsupportedModel


@dataclass(frozen=True, slots=True)
class MeasureRow:
    """How a family of formats is measured: where its two classes are (``module:Class``).

    ``packages`` are the distributions whose version decides whether an earlier result still holds. ``extra`` is the
    optional group that brings them, "" where they are always there.
    """

    family: str
    scorer: str
    runner: str
    packages: tuple[str, ...]
    extra: str = ""


ROWS: dict[str, MeasureRow] = {
    row.family: row
    for row in (
        MeasureRow(
            "gguf",
            "engine.measure.methods.llama_scorer:LlamaScorer",
            "engine.measure.methods.llama_runner:LlamaRunner",
            ("llama-cpp-python",),
        ),
        MeasureRow(
            "server",
            "engine.measure.methods.remote_model:RemoteScorer",
            "engine.measure.methods.remote_model:RemoteRunner",
            (),
        ),
        *(
            MeasureRow(
                family,
                "engine.measure.methods.torch_scorer:TorchScorer",
                "engine.measure.methods.torch_runner:TorchRunner",
                ("torch", "transformers"),
                "cuda",
            )
            for family in ("plain", "bnb", "awq", "gptq", "compressed")
        ),
    )
}


def row_for(format_id: str) -> MeasureRow:
    """Return the row of a format's family. Raises :class:`UnsupportedModel` or :class:`PackageMissing`."""
    row = ROWS.get(format_id.partition("-")[0])
    if row is None:
        raise UnsupportedModel(format_id, "Halfbyte", "models of this format cannot be measured yet.")
    for package in row.packages if row.extra else ():
        if not list(importlib.metadata.distributions(name=package)):
            raise PackageMissing(package, row.extra)
    return row
