"""Estimated rates beside measured ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.formats import Family
from engine.machine.facts import Cpu
from engine.recommend.context import Context
from engine.recommend.placing import Placement, best_placement
from engine.recommend.pools import pool
from engine.recommend.sizes import sizes_of
from engine.recommend.speed import cores
from tests.helpers.machines import machine
from tests.helpers.models import facts_of

MEASURED = json.loads((Path(__file__).parents[2] / "cases" / "recommend" / "measured_speeds.json").read_text("utf-8"))


def placement(described: dict[str, Any], model: str, format_id: str) -> Placement:
    computer = machine({"free_gib": 1024, **described})
    sizes = sizes_of(facts_of(model), format_id)
    return best_placement(sizes, computer, pool(computer, Family.GGUF), Context(1024))


def tokens_s(described: dict[str, Any], model: str, format_id: str) -> float:
    return placement(described, model, format_id).decode_tokens_s or 0.0


@pytest.mark.parametrize("row", MEASURED["rows"], ids=lambda row: f"{row['machine']}-{row['model']}-{row['format']}")
def test_an_answer_is_about_as_fast_as_measured(row: dict[str, Any]) -> None:
    described = MEASURED["machines"][row["machine"]]
    estimated = tokens_s(described, row["model"], row["format"])
    assert estimated == pytest.approx(row["tokens_s"], rel=0.5 if described.get("cores", 8) <= 2 else 0.4)


def test_most_answers_are_within_a_quarter_of_what_was_measured() -> None:
    ratios = [
        tokens_s(MEASURED["machines"][row["machine"]], row["model"], row["format"]) / row["tokens_s"]
        for row in MEASURED["rows"]
    ]
    assert sum(0.75 <= ratio <= 1.25 for ratio in ratios) / len(ratios) >= 0.6


@pytest.mark.parametrize(
    ("name", "model", "format_id", "measured"),
    [
        ("H200", "Llama-3-8B", "gguf-q4_k_m", 9367),
        ("H200", "Llama-3-8B", "gguf-f16", 21_739),
        ("M4", "Llama-3-8B", "gguf-q4_k_m", 225),
        ("Xeon, 16 cores", "Llama-3.2-1B", "gguf-q4_k_m", 1170),
        ("Xeon, 16 cores", "Llama-3-8B", "gguf-q8_0", 188),
        ("EPYC, 1 core", "Llama-3.2-1B", "gguf-q4_k_m", 50),
    ],
)
def test_a_prompt_is_as_fast_as_measured_within_a_factor_of_three(
    name: str, model: str, format_id: str, measured: float
) -> None:
    estimated = placement(MEASURED["machines"][name], model, format_id).prompt_tokens_s
    assert estimated is not None
    assert 1 / 3 < estimated / measured < 3


def test_of_experts_only_the_chosen_are_read() -> None:
    sizes = sizes_of(facts_of("Mixtral-8x7B"), "gguf-q4_k_m")
    read = sum(part.reading.bytes for part in sizes.layers) + sizes.output.reading.bytes
    assert 0.25 < read / sizes.weights_bytes < 0.30  # 12.9 of 46.7 billion parameters take part in a token


def test_a_tied_embedding_is_read_as_the_output_and_an_untied_one_is_not() -> None:
    assert sizes_of(facts_of("SmolLM2-135M"), "gguf-q8_0").embedding.reading.bytes > 0
    assert sizes_of(facts_of("Llama-3-8B"), "gguf-q8_0").embedding.reading.bytes == 0


def test_of_two_kinds_of_core_the_fast_ones_compute() -> None:
    assert cores(Cpu("M2", "arm64", 8, 8, 8, 8, performance_cores=4)) == 4
    assert cores(Cpu("?", "x86_64", 0, 0, 0, 0)) == 1


def test_without_a_bandwidth_there_is_no_rate() -> None:
    assert tokens_s({"bandwidth_bytes_s": None}, "Llama-3-8B", "gguf-q4_k_m") == 0.0
