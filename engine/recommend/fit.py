"""The answer to “what fits?”: a footprint in bytes, and one ranked row for each format."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from engine.formats import Format
from engine.recommend.corrections import Corrected, Quantity


@dataclass(frozen=True, slots=True)
class Footprint:
    """The bytes that a loaded model takes, term by term.

    ``correction_bytes`` is what earlier loads on this machine add to the four terms, or take off where it is negative.
    """

    weights_bytes: int
    kv_cache_bytes: int
    compute_bytes: int
    runtime_bytes: int
    correction_bytes: int = 0

    @property
    def total_bytes(self) -> int:
        return self.first_bytes + self.correction_bytes

    @property
    def first_bytes(self) -> int:
        """Return the first estimate, without what earlier loads say."""
        return self.weights_bytes + self.kv_cache_bytes + self.compute_bytes + self.runtime_bytes

    def corrected(self, factor: float) -> Footprint:
        return replace(self, correction_bytes=round(self.first_bytes * (factor - 1)))


@dataclass(frozen=True, slots=True)
class Fit:
    """How one format of a model would run here.

    ``file_bytes`` is the size on disk. ``free_bytes`` is the memory that was counted on: the GPU's where it runs there.
    ``largest_context`` is in tokens, 0 if it does not fit at all. ``reason`` is one sentence; where the format does not
    fit, it names the term that breaks it. ``obstacles`` are what must be done first (a package to install), in words.
    ``estimates`` are memory, rates and load time with their intervals; what earlier loads corrected has a ``count``.
    """

    format: Format
    fits: bool
    place: Literal["gpu", "cpu", "gpu+cpu"]
    footprint: Footprint
    free_bytes: int
    file_bytes: int
    context_tokens: int
    largest_context: int
    gpu_layers: int
    decode_tokens_s: float | None
    prompt_tokens_s: float | None
    reason: str
    obstacles: tuple[str, ...] = ()
    estimates: tuple[Corrected, ...] = ()

    def estimate(self, quantity: Quantity) -> Corrected | None:
        """Return an estimate with its terms, ``None`` where nothing is foretold."""
        return next((row for row in self.estimates if row.quantity == quantity), None)
