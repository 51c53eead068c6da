"""How a model would run here in two or three words, for a chip in a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from desktop.language import tr
from engine.recommend.fit import Fit
from engine.recommend.reasons import READING_TOKENS_S

Level = Literal["good", "warning", "bad", "none"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``level`` gives the colour; the words alone say it all."""

    level: Level
    words: str


def verdict_of(fit: Fit | None) -> Verdict:
    """Return the verdict on the best format of a model."""
    if fit is None:
        return Verdict("none", tr("Not known"))
    if not fit.fits:
        too_big = 0 < fit.free_bytes < fit.footprint.total_bytes  # none is free where the hardware is missing
        return Verdict("bad", tr("Too big") if too_big else tr("Not on this computer"))
    if fit.obstacles:
        return Verdict("warning", tr("Needs more first"))
    if fit.place == "gpu":
        return Verdict("good", tr("Fits on the GPU"))
    if fit.decode_tokens_s is not None and fit.decode_tokens_s < READING_TOKENS_S:
        return Verdict("warning", tr("Slow here"))
    return Verdict("good", tr("Fits")) if fit.place == "cpu" else Verdict("warning", tr("Fits partly on GPU"))
