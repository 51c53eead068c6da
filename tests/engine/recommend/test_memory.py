"""The KV cache, compute buffers, and the whole footprint."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.formats import Family
from engine.recommend.compute import compute_bytes
from engine.recommend.context import Context
from engine.recommend.footprint import footprint, gguf_placed
from engine.recommend.kv_cache import kv_cache_bytes, layer_cache_bytes
from engine.recommend.sizes import sizes_of
from engine.recommend.weights import weights_bytes
from tests.helpers.models import facts_of, names

MIB = 1024**2
CASES = Path(__file__).parents[2] / "cases" / "recommend"
BUFFERS = json.loads((CASES / "compute_buffers.json").read_text("utf-8"))["rows"]


@pytest.mark.parametrize(
    ("name", "context", "kib_a_token"),
    [
        ("Llama-3-8B", Context(4096), 32 * 2 * 8 * 128 * 2 / 1024),
        ("Llama-3-8B", Context(4096, "q8_0"), 32 * 2 * 8 * 128 * 34 / 32 / 1024),
        ("Llama-2-13B", Context(4096), 40 * 2 * 40 * 128 * 2 / 1024),
        ("DeepSeek-V2-Lite", Context(4096), 27 * 576 * 2 / 1024),  # one latent row, no values
        ("mamba-2.8b", Context(4096), 0),
    ],
)
def test_a_token_takes_its_keys_and_values(name: str, context: Context, kib_a_token: float) -> None:
    cache = kv_cache_bytes(facts_of(name), context) - facts_of(name).recurrent_bytes
    assert cache == pytest.approx(4096 * kib_a_token * 1024)


def test_windows_are_cut_unless_the_whole_is_kept() -> None:
    gemma = facts_of("gemma-3-4b")
    full, windowed = (sum(size) for size in _by_window(gemma, Context(32768)))
    whole, whole_windowed = (sum(size) for size in _by_window(gemma, Context(32768, whole_windows=True)))
    assert whole == full
    assert windowed / whole_windowed == (1024 + 512) / 32768


def _by_window(facts: Any, context: Context) -> tuple[list[int], list[int]]:
    sizes = list(zip(facts.window, layer_cache_bytes(facts, context), strict=True))
    return [size for window, size in sizes if not window], [size for window, size in sizes if window]


def test_cells_come_in_steps() -> None:
    facts = facts_of("Llama-3-8B")
    assert (
        kv_cache_bytes(facts, Context(257))
        == kv_cache_bytes(facts, Context(512))
        == 2 * kv_cache_bytes(facts, Context(1))
    )


@pytest.mark.parametrize("name", BUFFERS)
def test_compute_buffers_are_near_those_of_llama_cpp(name: str) -> None:
    facts = facts_of(name)
    weights = weights_bytes(facts, "gguf-q4_k_m")
    for row in BUFFERS[name]:
        context = Context(
            row["context"], row["cache"], row["batch"], row["flash"], row["whole_windows"], row["logit_rows"]
        )
        estimated, reserved = compute_bytes(facts, context), row["mib"] * MIB
        whole = weights + kv_cache_bytes(facts, context) + reserved
        assert abs(estimated - reserved) / whole < 0.01, row
        if row["flash"]:
            assert estimated == pytest.approx(reserved, rel=0.17), row


@pytest.mark.parametrize("name", names())
def test_the_terms_add_up_however_layers_are_split(name: str) -> None:
    sizes = sizes_of(facts_of(name), "gguf-q4_k_m")
    context = Context(2048)
    copy = sizes.embedding.bytes if sizes.tied else 0
    alone = gguf_placed(sizes, context, 0)
    assert alone.gpu.total_bytes == 0
    assert alone.whole == footprint(sizes.facts, "gguf-q4_k_m", 2048)
    for layers in range(1, sizes.facts.layers + 2):
        placed = gguf_placed(sizes, context, layers)
        assert placed.whole.weights_bytes == sizes.weights_bytes + copy
        assert abs(placed.whole.kv_cache_bytes - alone.main.kv_cache_bytes) <= 1
    assert placed.main.weights_bytes == sizes.embedding.bytes


def test_more_layers_on_the_gpu_take_more_of_it() -> None:
    sizes = sizes_of(facts_of("Mixtral-8x7B"), "gguf-q4_k_m")
    taken = [gguf_placed(sizes, Context(), layers).gpu.total_bytes for layers in range(34)]
    assert taken == sorted(taken)
    assert taken[0] == 0


def test_pytorch_takes_its_own_share() -> None:
    facts = facts_of("Llama-3.2-1B")
    short, long = (footprint(facts, "plain-bf16", tokens) for tokens in (1024, 16384))
    assert short.weights_bytes == facts.weights_bytes
    # Measured by NVML on an H200 with transformers 5.17: 900 and 1,484 MiB beside the weights.
    assert (short.total_bytes - short.weights_bytes) / MIB == pytest.approx(900, rel=0.05)
    assert (long.total_bytes - long.weights_bytes) / MIB == pytest.approx(1484, rel=0.05)


@given(
    st.sampled_from(names()),
    st.integers(1, 40_000),
    st.sampled_from(["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]),
    st.booleans(),
)
def test_a_longer_context_never_takes_less(name: str, tokens: int, cache_type: str, flash: bool) -> None:
    facts, context = facts_of(name), Context(tokens, cache_type, flash_attention=flash)
    longer = replace(context, tokens=tokens + 256)
    assert kv_cache_bytes(facts, longer) >= kv_cache_bytes(facts, context) >= 0
    assert compute_bytes(facts, longer) >= compute_bytes(facts, context) > 0


def test_families_are_told_apart() -> None:
    assert sizes_of(facts_of("SmolLM2-135M"), "awq-int4-g128").family is Family.AWQ
