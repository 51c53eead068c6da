"""Statistics beside naive formulas in 64 bits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.measure.methods import summary

values = st.lists(st.floats(0.125, 20, width=32), min_size=4, max_size=60)


def frame(rows: list[list[float]]) -> bytes:
    return np.array(rows, "<f4").tobytes()


@given(values)
def test_perplexity_and_its_error(nll: list[float]):
    found = summary.perplexity(np.array(nll))
    mean = sum(nll) / len(nll)
    variance = sum(value**2 for value in nll) / len(nll) - mean**2
    assert found.value == pytest.approx(math.exp(mean), rel=1e-9)
    expected = math.exp(mean) * math.sqrt(max(variance, 0) / (len(nll) - 1))
    assert found.error == pytest.approx(expected, rel=1e-5, abs=1e-3)


@given(values)
def test_the_paired_difference_knows_that_both_read_the_same(nll: list[float]):
    worse = [[value + 0.5, value, 0.1, 1.0] for value in nll]
    found = summary.quality(["a"], [frame(worse)], 512, compared=True).divergence
    assert found is not None
    assert found.ln_ppl.value == pytest.approx(0.5, abs=1e-5)
    assert found.ln_ppl.error < 1e-5  # although each perplexity's own error may be huge


def test_a_known_case():
    rows = [[1.0, 0.5, value, float(index % 4 != 0)] for index, value in enumerate([0.1, 0.2, 0.3, 0.4])]
    found = summary.quality(["a"], [frame(rows)], 8, compared=True)
    assert found.scored_tokens == 4
    assert found.perplexity.value == pytest.approx(math.e)
    assert found.divergence is not None
    assert found.divergence.mean.value == pytest.approx(0.25)
    assert found.divergence.mean.error == pytest.approx(np.std([0.1, 0.2, 0.3, 0.4]) / math.sqrt(3))
    assert found.divergence.median == pytest.approx(0.25)
    assert found.divergence.percentile_99 == pytest.approx(0.397)
    assert found.divergence.same_top.value == pytest.approx(0.75)


def test_each_text_has_its_part():
    frames = [frame([[1.0, 1.0, 0.1, 1.0]]), frame([[2.0, 1.0, 0.3, 0.0]]), frame([[3.0, 1.0, 0.2, 1.0]])]
    found = summary.quality(["prose", "code", "prose"], frames, 12, compared=True)
    prose, code = found.texts
    assert (prose.text, prose.scored_tokens, prose.perplexity) == ("prose", 2, pytest.approx(math.exp(2)))
    assert prose.divergence == pytest.approx(0.15)
    assert code.divergence == pytest.approx(0.3)


def test_the_reference_has_no_divergence():
    found = summary.quality(["a"], [frame([[1.0, 0.0, 0.0, 0.0]])], 4, compared=False)
    assert found.divergence is None
    assert found.texts[0].divergence is None
