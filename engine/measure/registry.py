"""What can be measured: one row for each family of formats, imported only in the worker that runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.environments.places import interpreter_for, versions_here
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

    @property
    def on_one_card(self) -> bool:
        """Whether it computes on one graphics card alone."""
        return bool(self.extra)

    def interpreter(self) -> Path | None:
        """Return the interpreter of the environment that has what this one lacks; ``None`` is this one."""
        return interpreter_for(self.extra, self.packages) if self.extra else None

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that measure; "" for one that is absent."""
        return versions_here(self.extra or "cuda", self.packages)


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
    for package, version in row.versions().items() if row.extra else ():
        if not version:
            raise PackageMissing(package, row.extra)
    return row
