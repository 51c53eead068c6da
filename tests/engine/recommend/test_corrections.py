"""Estimates that correct themselves: what must hold for any observations."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats import FORMATS
from engine.recommend.corrections import BOUNDS, NO_CORRECTIONS, Case, Corrections, Observation, Quantity
from engine.recommend.fit import Fit
from engine.recommend.rules import recommend
from tests.helpers.machines import machine
from tests.helpers.models import facts_of

CASE = Case("CPU", "llama.cpp 1", "llama", "gguf-q4_k_m", 4096, 10**9)
amounts = st.floats(1e-3, 1e15)
cases = st.builds(
    Case,
    st.sampled_from(["CPU", "GPU"]),
    st.sampled_from(["llama.cpp 1", "llama.cpp 2", "PyTorch 2"]),
    st.sampled_from(["llama", "qwen2"]),
    st.just("gguf-q4_k_m"),
    st.sampled_from([512, 4096]),
    st.integers(1, 10**12),
    st.sampled_from(["f16", "q8_0"]),
)
quantities = st.sampled_from(list(BOUNDS))
seen = st.lists(st.builds(Observation, quantities, amounts, amounts, cases), max_size=12).map(tuple)


def memory(*ratios: float, case: Case = CASE) -> tuple[Observation, ...]:
    return tuple(Observation("memory", 1000.0, 1000.0 * ratio, case) for ratio in ratios)


@given(seen, quantities, amounts, amounts, cases)
def test_a_correction_is_never_worse_than_its_bound(
    rows: tuple[Observation, ...], quantity: Quantity, first: float, truth: float, case: Case
) -> None:
    corrected = Corrections(rows).correct(quantity, first, case)
    least, most = BOUNDS[quantity]
    before, after = abs(math.log(truth / first)), abs(math.log(truth / corrected.value))
    assert after <= before + math.log(max(1 / least, most)) + 1e-9
    assert corrected.low <= corrected.value <= corrected.high


@given(quantities, amounts, cases)
def test_without_observations_the_first_estimate_stays(quantity: Quantity, first: float, case: Case) -> None:
    corrected = NO_CORRECTIONS.correct(quantity, first, case)
    assert (corrected.value, corrected.count) == (first, 0)


@given(st.floats(0.92, 1.2))
def test_the_more_agree_the_nearer_it_comes(ratio: float) -> None:
    errors = [
        abs(math.log(Corrections(memory(*[ratio] * count)).correct("memory", 1.0, CASE).value / ratio))
        for count in (0, 1, 2, 8, 32)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] <= 0.01


@given(st.floats(1e-6, 1e6))
def test_one_outlier_among_many_moves_little(outlier: float) -> None:
    clean = Corrections(memory(*[0.95] * 9)).correct("memory", 1.0, CASE).value
    assert Corrections(memory(*[0.95] * 9, outlier)).correct("memory", 1.0, CASE).value == pytest.approx(
        clean, rel=0.01
    )


def test_the_interval_narrows_as_observations_agree() -> None:
    found = [Corrections(memory(*[0.95] * count)).correct("memory", 1.0, CASE) for count in (0, 1, 4)]
    widths = [one.high / one.low for one in found]
    assert widths == sorted(widths, reverse=True)
    assert [one.count for one in found] == [0, 1, 4]


def test_another_device_or_program_teaches_nothing() -> None:
    for other in (replace(CASE, device="GPU"), replace(CASE, build="PyTorch 1")):
        found = Corrections(memory(0.95, 0.95, case=other)).correct("memory", 1.0, CASE)
        assert (found.value, found.count) == (1.0, 0)


@pytest.mark.parametrize(
    "less_alike",
    [
        {"build": "llama.cpp 2"},
        {"architecture": "gemma"},
        {"format_id": "gguf-f16"},
        {"cache_type": "q8_0"},
        {"context_tokens": 512},
        {"weights_bytes": 10**8},
    ],
)
def test_what_is_less_alike_teaches_less(less_alike: dict[str, Any]) -> None:
    near = Corrections(memory(0.95, 0.95, case=replace(CASE, **less_alike))).correct("memory", 1.0, CASE)
    same = Corrections(memory(0.95, 0.95)).correct("memory", 1.0, CASE)
    assert 0.95 < same.value < near.value < 1.0


# A suggestion


COMPUTER = machine({"free_gib": 5})


def suggested(*rows: Observation) -> dict[str, Fit]:
    fits = recommend(facts_of("Llama-3.2-1B"), COMPUTER, corrections=Corrections(rows))
    return {fit.format.id: fit for fit in fits}


def seen(quantity: Quantity, ratio: float, format_id: str = "gguf-q4_k_m") -> Observation:
    fit = suggested()[format_id]
    first = fit.estimate(quantity)
    assert first is not None
    case = Case(COMPUTER.cpu.model, BUILD, "llama", format_id, 4096, fit.footprint.weights_bytes)
    return Observation(quantity, first.first, first.first * ratio, case)


BUILD = f"llama.cpp {COMPUTER.llama.version if COMPUTER.llama else ''}"


def test_a_suggestion_shows_the_first_estimate_and_what_earlier_loads_make_of_it() -> None:
    before = suggested()["gguf-q4_k_m"]
    after = suggested(*[seen("decode", 0.5)] * 3, *[seen("memory", 1.1)] * 3)["gguf-q4_k_m"]
    decode, memory = after.estimate("decode"), after.estimate("memory")
    assert decode and memory and before.decode_tokens_s
    assert (decode.first, decode.count) == (before.decode_tokens_s, 3)
    assert after.decode_tokens_s == decode.value == pytest.approx(before.decode_tokens_s * 0.5**0.75)
    assert decode.low < decode.value < decode.high < decode.first
    assert after.footprint.first_bytes == before.footprint.total_bytes
    assert after.footprint.total_bytes == pytest.approx(memory.value, abs=1)
    assert after.footprint.total_bytes > before.footprint.total_bytes
    assert after.prompt_tokens_s == before.prompt_tokens_s


def test_more_memory_than_foretold_leaves_less_context() -> None:
    before, after = (suggested(*rows)["gguf-f16"] for rows in ((), [seen("memory", 1.25, "gguf-f16")] * 8))
    assert after.largest_context < before.largest_context


def test_without_observations_every_suggestion_stays() -> None:
    assert set(suggested()) <= set(FORMATS)
    assert all(row.count == 0 and row.factor == 1.0 for fit in suggested().values() for row in fit.estimates)
