"""Text that a model writes itself, for calibrating on what it will say: drawn from its own distribution, by a seed.

Source of the idea: LLM-QAT (arXiv 2305.17888, section 2.1). Half of the samples begin as the model begins a text, half
with a token that is drawn from its vocabulary; where a text ends, the next one begins in the same sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Step = Callable[[Sequence[int], int], Numbers]

LIKELIEST = 64  # tokens that are drawn among: the rest of a distribution is mostly noise


def written(
    step: Step,
    first: Sequence[int],
    length: int,
    generator: np.random.Generator,
    begin: int | None = None,
    ends: frozenset[int] = frozenset(),
    on_step: Callable[[int], None] = lambda done: None,
) -> list[list[int]]:
    """Return samples of ``length`` tokens, written side by side; each begins with one of ``first``.

    ``step`` is given the last token of each sample and its position, and returns the scores behind them, (samples,
    vocabulary). Behind a token of ``ends`` follows ``begin``, where the model has one. ``on_step`` is told how many
    tokens of a sample are there.
    """
    samples = [[token] for token in first]
    for position in range(length - 1):
        last = [sample[-1] for sample in samples]
        drawn = draw(step(last, position), generator)
        for sample, token in zip(samples, drawn, strict=True):
            sample.append(begin if begin is not None and sample[-1] in ends else token)
        on_step(position + 2)
    return samples


def draw(scores: Numbers, generator: np.random.Generator) -> list[int]:
    """Draw a token for each row of scores, among the likeliest, at temperature 1."""
    count = min(LIKELIEST, scores.shape[1])
    likeliest = np.argpartition(scores, -count, axis=1)[:, -count:]
    kept = np.take_along_axis(scores, likeliest, axis=1).astype(np.float64)
    sums = np.exp(kept - kept.max(axis=1, keepdims=True)).cumsum(axis=1)
    places = (sums < generator.random((len(sums), 1)) * sums[:, -1:]).sum(axis=1)
    return [int(row[min(place, count - 1)]) for row, place in zip(likeliest, places, strict=True)]


def first_tokens(
    count: int, vocabulary: int, generator: np.random.Generator, begin: int | None, unusual: Callable[[int], bool]
) -> list[int]:
    """Return what samples begin with: ``begin`` and tokens that are no control tokens (``unusual``), in turn."""
    firsts: list[int] = []
    while len(firsts) < count:
        token = int(generator.integers(vocabulary))
        if begin is not None and len(firsts) % 2 == 0:
            firsts.append(begin)
        elif not unusual(token):
            firsts.append(token)
    return firsts
