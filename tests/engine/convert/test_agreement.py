"""How far results may be from their original, and how that is told."""

from __future__ import annotations

import numpy as np
import pytest

from engine.convert.card import agreement_words
from engine.convert.methods.agreement import TOO_MUCH, TOO_PERPLEXED, Agreement, agreement_of, refuse_strangers
from engine.errors import Refused


def log_p(*rows: list[float]) -> np.ndarray:
    return np.log(np.array(rows, np.float32))


def test_a_model_agrees_with_itself() -> None:
    one = log_p([0.7, 0.2, 0.1], [0.1, 0.1, 0.8])
    assert agreement_of(one, one) == Agreement(2, 2, 0.0, 0.0)


def test_divergence_is_the_mean_over_places() -> None:
    found = agreement_of(log_p([0.5, 0.5], [0.5, 0.5]), log_p([0.5, 0.5], [0.9, 0.1]))
    expected = 0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1)
    assert found.divergence == pytest.approx(expected / 2, rel=1e-5)
    assert found.error == pytest.approx(expected / 2 / np.sqrt(2), rel=1e-5)


def test_a_tie_is_no_difference_and_another_choice_is_one() -> None:
    expected = log_p([0.5, 0.45, 0.05])
    assert agreement_of(expected, log_p([0.4, 0.5, 0.1])).same == 1
    assert agreement_of(expected, log_p([0.4, 0.1, 0.5])).same == 0


@pytest.mark.parametrize(("bits", "most"), TOO_MUCH)
def test_too_much_is_refused_with_the_next_step(bits: float, most: float) -> None:
    refuse_strangers(Agreement(128, 128, most, 0.0), "Q4_K_M", bits)
    with pytest.raises(Refused, match=r"does not answer as the original.*Q4_K_M|Q4_K_M") as caught:
        refuse_strangers(Agreement(128, 3, 2 * most, 0.0), "Q4_K_M", bits)
    assert "larger level" in caught.value.hint


@pytest.mark.parametrize(("bits", "factor"), TOO_PERPLEXED)
def test_a_perplexity_that_is_too_far_off_is_refused_with_its_cause(bits: float, factor: float) -> None:
    for ratio in (factor, 1 / factor):
        refuse_strangers(Agreement(128, 128, 0.0, 0.0, ratio), "AWQ INT4", bits)
    for ratio in (1.1 * factor, 0.9 / factor):
        with pytest.raises(Refused, match=rf"{factor:g} times is the most.*Four samples only") as caught:
            refuse_strangers(Agreement(128, 128, 0.0, 0.0, ratio), "AWQ INT4", bits, "Four samples only.", "Take more.")
        assert caught.value.hint == "Take more."


def test_perplexity_is_of_the_tokens_that_follow() -> None:
    expected, found = log_p([0.5, 0.5], [0.2, 0.8]), log_p([0.25, 0.75], [0.1, 0.9])
    ratio = agreement_of(expected, found, [1, 0, 0]).perplexity_ratio
    assert ratio == pytest.approx(np.sqrt((0.5 / 0.25) * (0.2 / 0.1)), rel=1e-5)
    assert agreement_of(expected, found).perplexity_ratio == 1.0


def test_a_level_of_two_bits_may_lose_anything() -> None:
    refuse_strangers(Agreement(128, 0, 12.0, 0.0), "Q2_K", 2.6)


def test_words() -> None:
    found = {"tokens": 128, "same": 112, "divergence": 0.0612, "error": 0.01}
    with_ratio = agreement_words(found | {"perplexity_ratio": 1.0342})
    assert with_ratio.endswith("± 0.0100 nats, perplexity × 1.034")
    assert agreement_words(found) == "next token the same at 112 of 128 places, divergence 0.0612 ± 0.0100 nats"
