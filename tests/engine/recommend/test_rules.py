"""The decision on machines and models of real shapes, and what must hold for all of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.formats import FORMATS, Family
from engine.machine.facts import Disk, Machine
from engine.recommend.fit import Fit
from engine.recommend.here import why_not_here
from engine.recommend.requirements import REQUIREMENTS, obstacles, offered
from engine.recommend.rules import recommend, standing
from tests.helpers.machines import CUDA_PACKAGES, GIB, machine
from tests.helpers.models import facts_of

CASES = json.loads((Path(__file__).parents[2] / "cases" / "recommend" / "rules.json").read_text("utf-8"))
MACHINES = CASES["machines"]


def fits_of(model: str, computer: Machine, context_tokens: int = 4096, cache_type: str = "f16") -> dict[str, Fit]:
    return {fit.format.id: fit for fit in recommend(facts_of(model), computer, context_tokens, cache_type)}


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: f"{case['machine']}-{case['model']}")
def test_the_suggestion(case: dict[str, Any]) -> None:
    fits = recommend(facts_of(case["model"]), machine(MACHINES[case["machine"]]), case.get("context", 4096))
    first = fits[0] if fits[0].fits else None
    assert (first.format.id if first else None) == case["first"]
    if first:
        assert first.place == case["place"]
    rows = {fit.format.id: fit for fit in fits}
    for format_id, expected in case["rows"].items():
        row = rows[format_id]
        assert row.fits is expected["fits"], row.reason
        assert row.place == expected.get("place", row.place)
        assert expected.get("reason", "") in row.reason
        assert expected.get("obstacle", "") in " ".join(row.obstacles)


@pytest.mark.parametrize(
    ("format_id", "samples", "nvidia_only", "best_for"),
    [
        ("bnb-nf4", 0, True, "quick experiments, QLoRA training"),
        ("gptq-int4-g128", 128, True, "Hub quants, cloud serving"),
        ("awq-int4-g128", 128, True, "best quality at INT4, production serving"),
        ("gguf-q4_k_m", 0, False, "local inference, edge, llama.cpp"),
    ],
)
def test_the_reference_note_is_reproduced(format_id: str, samples: int, nvidia_only: bool, best_for: str) -> None:
    row = FORMATS[format_id]
    assert (row.calibration_samples, row.best_for) == (samples, best_for)
    assert (REQUIREMENTS[row.family].capability is not None) is nvidia_only
    for name, described in MACHINES.items():
        fit = fits_of("Qwen2.5-0.5B", machine(described))[format_id]
        has_card = any(
            gpu["vendor"] == "nvidia" for gpu in described.get("gpus", [described.get("gpu", {"vendor": ""})])
        )
        old = name == "GTX 1080" and row.family in (Family.AWQ, Family.GPTQ)
        assert fit.fits is (not nvidia_only or (has_card and not old)), name


def test_four_bits_of_seventy_billion_run_on_two_a100() -> None:
    fits = fits_of("Llama-3.3-70B", machine(MACHINES["2 A100 80 GB"]))
    awq = fits["awq-int4-g128"]
    assert (awq.fits, awq.place, awq.gpu_layers) == (True, "gpu", 80)
    assert awq.footprint.weights_bytes < fits["plain-bf16"].footprint.weights_bytes / 3


def test_a_source_that_is_quantized_stays_as_it_is() -> None:
    facts = facts_of("Llama-3-8B")
    for format_id in ("gguf-q4_k_m", "gguf-iq4_xs", "awq-int4-g128", "gptq-int4-g64", "bnb-nf4"):
        own = dataclasses.replace(facts, format_id=format_id)
        rows = recommend(own, machine(MACHINES["RTX 4090"]))
        assert [row.format.id for row in rows] == [format_id]


def test_a_16_bit_gguf_file_becomes_gguf_and_never_wider() -> None:
    rows = offered(dataclasses.replace(facts_of("Llama-3-8B"), format_id="gguf-f16"))
    assert {row.family for row in rows} == {Family.GGUF}
    assert "gguf-f32" not in {row.id for row in rows}
    assert len(rows) == 14


def test_a_published_folder_becomes_everything_but_wider() -> None:
    rows = {row.id for row in offered(facts_of("Llama-3-8B"))}
    assert rows == set(FORMATS) - {"gguf-f32"}


def test_what_is_missing_is_said_and_counts() -> None:
    described = {**MACHINES["RTX 4090"], "cuda_packages": False}
    fit = fits_of("Llama-3-8B", machine(described))["bnb-nf4"]
    assert fit.fits
    assert all(name in fit.obstacles[0] for name in CUDA_PACKAGES if name != "gptqmodel")
    ready = fits_of("Llama-3-8B", machine(MACHINES["RTX 4090"]))["bnb-nf4"]
    assert not ready.obstacles
    assert standing(ready) > standing(fit)


def test_running_needs_less_than_making() -> None:
    """The back end has kernels of its own: what is packed already needs neither GPTQModel nor bitsandbytes."""
    bare = machine({**MACHINES["RTX 4090"], "cuda_packages": False})
    folder = facts_of("Llama-3-8B")
    for format_id, maker in (("awq-int4-g128", "gptqmodel"), ("bnb-nf4", "bitsandbytes")):
        row = FORMATS[format_id]
        (to_make,) = obstacles(row, 0, folder, bare)
        (to_run,) = obstacles(row, 0, dataclasses.replace(folder, format_id=format_id), bare)
        assert maker in to_make and "torch" in to_make
        assert maker not in to_run and "torch" in to_run


def test_a_full_disk_is_an_obstacle_for_what_must_be_made() -> None:
    computer = dataclasses.replace(machine(MACHINES["RTX 4090"]), disks=(Disk("models", "/home/me", 10**12, 10**9),))
    fits = fits_of("Llama-3-8B", computer)
    assert "1.0 GB free" in fits["gguf-q4_k_m"].obstacles[0]
    assert not fits["plain-bf16"].obstacles


def test_a_cache_type_that_llama_cpp_refuses_is_refused() -> None:
    odd = dataclasses.replace(facts_of("Llama-3-8B"), key_length=80, value_length=80)
    rows = recommend(odd, machine({}), cache_type="q8_0")
    refused = [row for row in rows if row.format.family is Family.GGUF]
    assert not any(row.fits for row in refused)
    assert all("whole number" in row.reason for row in refused)


def test_a_smaller_cache_lets_a_longer_context_fit() -> None:
    computer = machine({"free_gib": 10})
    plain, small = (fits_of("Llama-2-13B", computer, 1024, kind)["gguf-q4_k_m"] for kind in ("f16", "q8_0"))
    assert plain.largest_context < small.largest_context


def test_the_context_is_cut_down_to_what_was_trained() -> None:
    fit = fits_of("Llama-2-13B", machine({"free_gib": 60}), 100_000)["gguf-q4_k_m"]
    assert (fit.context_tokens, fit.largest_context) == (4096, 4096)


def test_reasons_are_one_sentence_that_a_person_reads() -> None:
    for described in MACHINES.values():
        for fit in recommend(facts_of("Llama-3-8B"), machine(described)):
            assert fit.reason[0].isupper()
            assert fit.reason.endswith(".")
            assert "_" not in fit.reason


models = st.sampled_from(
    ["SmolLM2-135M", "Llama-3.2-1B", "LFM2-1.2B", "mamba-2.8b", "gemma-3-4b", "Mixtral-8x7B", "DeepSeek-V2-Lite"]
)
contexts = st.integers(0, 70_000)
memory = st.floats(0.1, 300)
cards = st.lists(
    st.fixed_dictionaries(
        {
            "vendor": st.sampled_from(["nvidia", "amd"]),
            "free_gib": st.floats(0, 100),
            "bandwidth_bytes_s": st.sampled_from([None, 200e9, 1e12]),
            "capability": st.sampled_from(["", "6.1", "8.9"]),
        }
    ),
    max_size=2,
)
unified = st.fixed_dictionaries(
    {
        "vendor": st.just("apple"),
        "unified": st.just(True),
        "free_gib": st.floats(0, 100),
        "bandwidth_bytes_s": st.sampled_from([None, 100e9, 400e9]),
        "cores": st.integers(0, 40),
    }
)
machines = st.fixed_dictionaries(
    {
        "free_gib": memory,
        "cores": st.integers(0, 64),
        "bandwidth_bytes_s": st.sampled_from([None, 20e9, 80e9]),
        "offload": st.booleans(),
        "cuda_packages": st.booleans(),
        "gpus": cards | unified.map(lambda gpu: [gpu]),
    }
)
few = settings(max_examples=40, deadline=None)


@few
@given(models, machines, contexts)
def test_it_never_fails_and_never_promises_more_than_is_free(
    model: str, described: dict[str, Any], context_tokens: int
) -> None:
    fits = recommend(facts_of(model), machine(described), context_tokens)
    assert [fit.fits for fit in fits] == sorted((fit.fits for fit in fits), reverse=True)
    for fit in fits:
        assert fit.reason
        if fit.fits:
            assert fit.footprint.total_bytes <= fit.free_bytes
            assert fit.largest_context >= fit.context_tokens
        else:
            assert fit.largest_context < fit.context_tokens
        assert 0 <= fit.gpu_layers <= facts_of(model).layers


@few
@given(models, machines, contexts, st.floats(0, 100), st.integers(0, 1), st.floats(0, 50))
def test_more_memory_never_gives_a_worse_suggestion(
    model: str, described: dict[str, Any], context_tokens: int, more_gib: float, which: int, more_gpu_gib: float
) -> None:
    gpus = [dict(gpu) for gpu in described["gpus"]]
    if gpus:
        gpus[which % len(gpus)]["free_gib"] += more_gpu_gib
    total = {"total_gib": 1000}  # the same machine: the system keeps the same for itself
    before = recommend(facts_of(model), machine({**described, **total}), context_tokens)
    larger = {**described, **total, "free_gib": described["free_gib"] + more_gib, "gpus": gpus}
    after = recommend(facts_of(model), machine(larger), context_tokens)
    assert standing(after[0]) >= standing(before[0])
    assert {fit.format.id for fit in after if fit.fits} >= {fit.format.id for fit in before if fit.fits}
    longest = {fit.format.id: fit.largest_context for fit in before}
    assert all(fit.largest_context >= longest[fit.format.id] for fit in after)


def test_a_machine_of_which_nothing_is_known_gets_an_answer() -> None:
    bare = dataclasses.replace(machine({"free_gib": 0}), llama=None, packages={}, bandwidth_bytes_s=None)
    assert not any(fit.fits for fit in recommend(facts_of("Llama-3-8B"), bare))
    assert bare.memory.total_bytes < GIB


@pytest.mark.parametrize(
    ("format_id", "words"),
    [
        ("compressed-tensors-int4", ""),
        ("compressed-tensors-int8", ""),
        ("compressed-tensors-fp8", "compressed-tensors-fp8"),
        ("bnb-fp4", "bnb-fp4"),
        ("gptq-int8-g128", "gptq-int8"),
        ("hqq-int4", "hqq"),
    ],
)
def test_a_model_of_a_foreign_program_gets_a_row_that_says_whether_it_runs(format_id: str, words: str) -> None:
    facts = dataclasses.replace(facts_of("Qwen2.5-0.5B"), format_id=format_id)
    rows = recommend(facts, machine(MACHINES["RTX 4090"]))
    own = next(fit for fit in rows if fit.format.id == format_id)
    assert own.fits is not bool(words)
    assert not format_id.startswith("compressed") or own.format.label == f"{format_id[19:].upper()} compressed-tensors"
    assert words in own.reason
    assert bool(why_not_here(format_id, machine(MACHINES["RTX 4090"]))) is bool(words)
