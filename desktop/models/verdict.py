"""How a model would run here in two or three words, for a chip in a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.recommend.fit import Fit
from engine.recommend.reasons import READING_TOKENS_S

Level = Literal["good", "warning", "bad", "none"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``level`` gives the colour; the words alone say it all."""

    level: Level
    words: str


UNKNOWN = Verdict("none", "Not known")


def verdict_of(fit: Fit | None) -> Verdict:
    """Return the verdict on the best format of a model."""
    if fit is None:
        return UNKNOWN
    if not fit.fits:
        too_big = 0 < fit.free_bytes < fit.footprint.total_bytes  # none is free where the hardware is missing
        return Verdict("bad", "Too big" if too_big else "Not on this computer")
    if fit.obstacles:
        return Verdict("warning", "Needs more first")
    if fit.place == "gpu":
        return Verdict("good", "Fits on the GPU")
    if fit.decode_tokens_s is not None and fit.decode_tokens_s < READING_TOKENS_S:
        return Verdict("warning", "Slow here")
    return Verdict("good", "Fits") if fit.place == "cpu" else Verdict("warning", "Fits partly on GPU")
