"""How far results answer as the original does: both read the same text, and every next token is compared.

The text is one that nothing was calibrated with (``resources/texts/measure``). It is read, not written: a greedy answer
that differs in one token would differ in all that follow, and say nothing of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.convert.methods.running import Running, opened
from engine.errors import DamagedFile, Refused

PLACES = 128
LEAST_PLACES = 16
LOGITS_BYTES = 64 << 20  # kept of the original: 64 places of a vocabulary of 256k
A_TIE = 0.5  # times the probability of the original's likeliest token: less is another choice, and no tie
# Bits of a weight → the divergence that is too much, some five times what a model of 135 million parameters shows
# (0.0001, 0.005, 0.1, 0.4 and 0.6 nats); larger models lose less. Below, a level may lose anything.
TOO_MUCH = ((15.0, 0.01), (6.5, 0.1), (5.0, 0.5), (4.0, 2.0), (3.0, 4.0))
# Bits of a weight → how many times the original's perplexity is too much, by the same measure: that model shows 1.00,
# 1.00, 1.09, 1.24 (NF4) and 1.35. A result that is so many times better is no less strange.
TOO_PERPLEXED = ((15.0, 1.05), (6.5, 1.25), (5.0, 1.6), (4.0, 3.0), (3.0, 8.0))

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was compared with the original at ``tokens`` places of a text.

    ``same`` counts those at which the likeliest next token is the same, or one that the original finds about as likely;
    ``divergence`` is the mean Kullback-Leibler divergence from the original in nats, ``error`` its standard error.
    ``perplexity_ratio`` is the perplexity on that text as a multiple of the original's.
    """

    tokens: int
    same: int
    divergence: float
    error: float
    perplexity_ratio: float = 1.0


def agreements(
    original: Path, results: Sequence[Path], text: str, threads: int, on_tokens: Callable[[int, int], None]
) -> list[Agreement] | None:
    """Compare results with the original, one model in memory at a time; ``None`` for models that continue no text.

    ``on_tokens`` is told how many tokens are read and how many will be. Raises :class:`DamagedFile` for a model that
    computes NaN or infinity, and what opening a model raises.
    """
    with opened(original, threads, PLACES) as running:
        if running.has_encoder:  # its decoder continues nothing without what the encoder read
            return None
        count = max(LEAST_PLACES, min(PLACES, LOGITS_BYTES // (4 * running.vocabulary_size)))
        tokens = running.tokens(text)[:count]
        total = len(tokens) * (len(results) + 1)
        on_tokens(0, total)
        expected = _log_probabilities(running, tokens, original)
    if expected is None:
        return None
    found = []
    for number, result in enumerate(results, 1):
        on_tokens(number * len(tokens), total)
        with opened(result, threads, PLACES) as running:
            other = _log_probabilities(running, tokens, result)
        if other is None:
            return None
        found.append(agreement_of(expected, other, tokens))
    on_tokens(total, total)
    return found


ANOTHER_LEVEL = "Choose a larger level, or let Halfbyte compute an importance matrix (--imatrix auto)."


def refuse_strangers(
    found: Agreement, label: str, bits: float, cause: str = "", next_step: str = ANOTHER_LEVEL
) -> None:
    """Raise :class:`Refused` for a result that answers as another model would: more than its ``bits`` can explain.

    ``cause`` is a sentence about why, where that is known.
    """
    most, factor = (_limit(table, bits) for table in (TOO_MUCH, TOO_PERPLEXED))
    because = f" {cause}" if cause else ""
    if most is not None and found.divergence > most:
        raise Refused(
            f"The result at {label} does not answer as the original does: their next tokens diverge by "
            f"{found.divergence:.2f} nats, where {most:g} is the most for this level, and only {found.same} of "
            f"{found.tokens} are the same.{because} Nothing of it was kept.",
            next_step,
        )
    if factor is not None and not 1 / factor <= found.perplexity_ratio <= factor:
        raise Refused(
            f"The result at {label} does not read as the original does: its perplexity is "
            f"{found.perplexity_ratio:.2f} times the original's, where {factor:g} times is the most for this level."
            f"{because} Nothing of it was kept.",
            next_step,
        )


def _limit(table: Sequence[tuple[float, float]], bits: float) -> float | None:
    return next((most for least_bits, most in table if bits >= least_bits), None)


def _log_probabilities(running: Running, tokens: Sequence[int], file: Path) -> Numbers | None:
    running.run(tokens)
    logits = running.logits(len(tokens))
    if logits is None:
        return None
    if not np.isfinite(logits).all():
        raise DamagedFile(str(file), "a model that computes numbers", "NaN or infinite ones")
    shifted = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def agreement_of(expected: Numbers, found: Numbers, tokens: Sequence[int] = ()) -> Agreement:
    """Compare log probabilities, (places, vocabulary), of the text ``tokens``."""
    chosen = np.take_along_axis(expected, found.argmax(axis=1, keepdims=True), axis=1)[:, 0]
    same = int((chosen - expected.max(axis=1) >= np.log(A_TIE)).sum())
    divergences = (np.exp(expected) * (expected - found)).sum(axis=1, dtype=np.float64)
    error = float(divergences.std() / np.sqrt(len(divergences)))
    ratio = _perplexity_ratio(expected, found, np.asarray(tokens[1 : len(expected) + 1], np.int64))
    return Agreement(len(expected), same, max(0.0, float(divergences.mean())), error, ratio)


def _perplexity_ratio(expected: Numbers, found: Numbers, following: NDArray[np.int64]) -> float:
    """Return how much more perplexed by the tokens that follow each place the second is."""
    if not len(following):
        return 1.0
    places = np.arange(len(following))
    return float(np.exp((expected[places, following] - found[places, following]).mean(dtype=np.float64)))
