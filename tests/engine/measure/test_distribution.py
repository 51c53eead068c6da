"""Distributions: what a reference keeps, and what a divergence from it is, beside the naive formulas in 64 bits."""

from __future__ import annotations

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Refused
from engine.measure.methods import distribution
from engine.measure.methods.distribution import Comparison, Reader, Writer, log_softmax


def logits(seed: int, places: int, vocabulary: int, sharpness: float) -> np.ndarray:
    """Return rows like a model's: a few likely tokens, a long tail."""
    source = np.random.default_rng(seed)
    ranks = np.argsort(source.random((places, vocabulary)), axis=1) + 1
    return (-sharpness * np.log(ranks) + source.normal(0, 0.3, ranks.shape)).astype(np.float32)


def naive(base: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the divergences by the definition."""
    p, q = (np.exp(rows.astype(np.float64)) for rows in (base, other))
    p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
    return (p * np.log(p / q)).sum(1)


def window(base: np.ndarray, other: np.ndarray, targets: list[int]) -> np.ndarray:
    """Return the four columns of a window that was kept and compared."""
    writer = Writer(targets)
    for row in base:
        writer.take(log_softmax(row))
    comparison = Comparison(targets, Reader(writer.reference()))
    for row in other:
        comparison.take(log_softmax(row))
    return np.frombuffer(comparison.frame(), "<f4").reshape(-1, 4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1.2, 4.0), st.floats(0.05, 1.0))
def test_a_divergence_is_within_half_a_percent_of_the_definition(seed: int, sharpness: float, noise: float):
    base = logits(seed, 64, 3000, sharpness)
    other = base + np.random.default_rng(seed + 1).normal(0, noise, base.shape).astype(np.float32)
    found = window(base, other, [0] * 64)[:, 2]
    assert found.mean() == pytest.approx(naive(base, other).mean(), rel=0.005)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400))
def test_likelihoods_and_top_tokens_are_exact(seed: int, vocabulary: int):
    base, other = logits(seed, 8, vocabulary, 1.5), logits(seed + 1, 8, vocabulary, 1.5)
    targets = [int(target) for target in np.random.default_rng(seed).integers(0, vocabulary, 8)]
    found = window(base, other, targets)
    for column, rows in ((1, base), (0, other)):
        rows = rows.astype(np.float64)
        expected = np.log(np.exp(rows).sum(1)) - rows[np.arange(8), targets]
        assert found[:, column] == pytest.approx(expected, abs=1e-4)
    assert list(found[:, 3]) == list(base.argmax(1) == other.argmax(1))


def test_nothing_diverges_from_itself():
    base = logits(3, 64, 3000, 1.5)
    assert window(base, base, [0] * 64)[:, 2] == pytest.approx(np.zeros(64), abs=1e-5)


@pytest.mark.parametrize(
    "row",
    [[0.0], [0.0, -1e30], [500.0, -500.0, 0.0], [0.0] * 1000, [-0.0, float("-inf"), 1.0]],
    ids=["one token", "impossible token", "certain token", "all alike", "minus infinity"],
)
def test_extreme_distributions_are_kept(row: list[float]):
    found = distribution.kept(distribution.keep(log_softmax(np.array(row, np.float32))))
    whole = np.exp(found.log_p).sum() + found.tail
    assert whole == pytest.approx(1.0)
    assert np.isfinite(found.log_p).all()


def test_a_reference_is_far_smaller_than_the_logits():
    base = logits(5, 32, 49_152, 2.0)
    writer = Writer([0] * 32)
    for row in base:
        writer.take(log_softmax(row))
    assert len(writer.reference()) < base.size * 2 / 4  # llama-perplexity keeps 16 bits of each


def test_memory_stays_bounded_with_a_vocabulary_of_256k():
    rows = logits(7, 4, 262_144, 1.5)
    tracemalloc.start()
    try:
        window(rows, rows + np.float32(0.1), [0] * 4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024**2


def test_a_reference_with_more_tokens_is_refused():
    base = logits(1, 2, 100, 1.5)
    with pytest.raises(Refused, match="50 tokens"):
        window(base, base[:, :50], [0, 0])


def test_a_place_that_is_damaged_is_not_read_as_another():
    content = distribution.keep(log_softmax(logits(1, 1, 100, 1.5)[0]))
    with pytest.raises((struct.error, ValueError, distribution.zlib.error)):
        distribution.kept(content[:-4])
