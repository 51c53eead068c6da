from __future__ import annotations

import pytest

from desktop.models.context_words import enlargement_words
from desktop.models.estimate_words import correction_words
from engine.chat.context import Enlargement
from engine.cli.show import corrected_words
from engine.recommend.corrections import Corrected
from tests.helpers.values import fit

SEEN = (
    Corrected("memory", 2e9, 1.1, 2.1e9, 2.3e9, 7),
    Corrected("decode", 20.0, 0.5, 8.0, 12.0, 5),
    Corrected("load", 2.0, 1.0, 1.0, 4.0, 0),
)


def test_the_card_tells_the_interval_and_the_first_estimate():
    assert correction_words(fit("gguf-q4_k_m", 10**9, estimates=SEEN)) == (
        "Corrected from 7 loads on this machine. Memory 2.1 GB to 2.3 GB, first estimate 2.0 GB. "
        "Answers at 8 to 12 tokens/s, first estimate 20."
    )


def test_the_terminal_tells_the_same():
    assert corrected_words(fit("gguf-q4_k_m", 10**9, estimates=SEEN)) == (
        "Corrected from 7 loads on this machine: memory 2.2 GB (2.1 GB to 2.3 GB), first 2.0 GB; "
        "answers 10 tokens/s (8 tokens/s to 12 tokens/s), first 20 tokens/s."
    )


def test_nothing_is_said_where_nothing_was_seen():
    assert correction_words(fit("gguf-q4_k_m", 10**9, estimates=SEEN[2:])) == ""
    assert corrected_words(fit("gguf-q4_k_m", 10**9, estimates=SEEN[2:])) == ""


@pytest.mark.parametrize(("count", "words"), [(0, ""), (1, " Corrected from 1 load on this machine.")])
def test_a_larger_context_says_where_its_cost_comes_from(count, words):
    offer = Enlargement(8192, 100_000_000, fits=True, corrected_from=count)
    assert enlargement_words(offer).endswith("The model is loaded again for it." + words)
