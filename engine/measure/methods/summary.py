"""Per-token values → what is reported of them, in float64.

Means with standard errors as llama.cpp 0c1e57098 has them (tools/perplexity/perplexity.cpp, ``mean_and_uncertainty``):
sqrt((mean of squares - square of mean) / (count - 1)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.measure.report import Divergence, Estimate, Quality, TextQuality

COLUMNS = 4  # nll, the reference's nll, divergence, same top token


def columns(frames: Sequence[bytes]) -> Any:
    """Return the values of several windows, float64 of shape (tokens, 4)."""
    return np.frombuffer(b"".join(frames), "<f4").reshape(-1, COLUMNS).astype(np.float64)


def estimate(values: Any) -> Estimate:
    """Return a mean with its standard error; the error of fewer than two values is 0."""
    count = len(values)
    error = float(np.sqrt(np.var(values) / (count - 1))) if count > 1 else 0.0
    return Estimate(float(np.mean(values)), error)


def perplexity(nll: Any) -> Estimate:
    """Return e to the mean of −ln p. Its error is that of the mean, scaled."""
    mean = estimate(nll)
    value = float(np.exp(mean.value))
    return Estimate(value, value * mean.error)


def quality(texts: Sequence[str], frames: Sequence[bytes], tokens: int, *, compared: bool) -> Quality:
    """Return the quality over all windows; ``texts`` names each window's text."""
    values = columns(frames)
    names = list(dict.fromkeys(texts))
    parts = []
    for name in names:
        own = columns([frame for text, frame in zip(texts, frames, strict=True) if text == name])
        mean = float(own[:, 2].mean()) if compared else None
        parts.append(TextQuality(name, len(own), float(np.exp(own[:, 0].mean())), mean))
    found = _divergence(values) if compared else None
    return Quality(tokens, len(values), perplexity(values[:, 0]), found, tuple(parts))


def _divergence(values: Any) -> Divergence:
    nll, reference_nll, divergences, same = values.T
    return Divergence(
        mean=estimate(divergences),
        median=float(np.median(divergences)),
        percentile_99=float(np.percentile(divergences, 99)),
        same_top=estimate(same),
        ln_ppl=estimate(nll - reference_nll),
    )
