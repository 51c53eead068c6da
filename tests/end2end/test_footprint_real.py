"""Footprints beside the real thing: what llama.cpp chooses, allocates and holds in memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import read_facts
from engine.catalog.headers.configuration import Config
from engine.catalog.headers.families import metadata
from engine.catalog.headers.huggingface import config_facts
from engine.catalog.headers.safetensors_header import StoredTensor
from engine.events import Finished
from engine.formats import ModelFacts
from engine.recommend.context import Context
from engine.recommend.footprint import gguf_placed
from engine.recommend.sizes import sizes_of
from engine.recommend.tensor_types import LEVELS, arranged
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session
from tests.helpers import models
from tests.helpers.gguf_files import write_gguf
from tests.helpers.sparse_models import write_sparse

BATCH_TOKENS = 256
PROMPT = [{"role": "user", "content": "memory " * 300}]
MIXTURE = {
    "architectures": ["MixtralForCausalLM"],
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 9,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "num_local_experts": 8,
    "num_experts_per_tok": 2,
    "vocab_size": 512,
    "max_position_embeddings": 256,
}


def chosen(model: Path, folder: Path | str, levels: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the types that llama.cpp gives the tensors of a model."""
    command = [sys.executable, "-m", "tests.helpers.native_levels", str(model), str(folder), *levels]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def ours(facts: ModelFacts, levels: tuple[str, ...]) -> dict[str, dict[str, str]]:
    ready = arranged(facts)
    return {level: {tensor.name: tensor.type for tensor in ready.at(level)} for level in levels}


# Types of tensors


@pytest.mark.parametrize("name", models.names())
def test_llama_cpp_would_choose_the_same_types_for_real_shapes(name: str, tmp_path: Path) -> None:
    facts = models.facts_of(name)
    path = write_sparse(facts, metadata(Config(models.case(name)["config"], name)), tmp_path / "m.gguf")
    assert chosen(path, "-", tuple(LEVELS)) == ours(facts, tuple(LEVELS))


def test_levels_of_the_starter_model_take_the_bytes_foretold(starter: Checkpoint, tmp_path: Path) -> None:
    levels = ("Q8_0", "Q4_K_M", "Q2_K")
    chosen(starter.path, tmp_path, ("F16",))
    facts = read_facts(tmp_path / "F16.gguf")
    chosen(tmp_path / "F16.gguf", tmp_path, levels)
    for level in levels:
        made = read_facts(tmp_path / f"{level}.gguf")
        assert _bytes(made) == {tensor.name: (tensor.type, tensor.bytes) for tensor in arranged(facts).at(level)}


def test_levels_of_a_model_with_whole_blocks_take_the_bytes_foretold(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", layers=9)
    chosen(path, tmp_path, tuple(LEVELS))
    for level in LEVELS:
        made = read_facts(tmp_path / f"{level}.gguf")
        expected = {tensor.name: (tensor.type, tensor.bytes) for tensor in arranged(read_facts(path)).at(level)}
        assert _bytes(made) == expected


def test_levels_of_a_mixture_of_experts_take_the_bytes_foretold(tmp_path: Path) -> None:
    facts = config_facts(Config(MIXTURE, "mixture"), _mixture_tensors(), "mixture", {})
    path = write_sparse(facts, metadata(Config(MIXTURE, "mixture")), tmp_path / "m.gguf")
    chosen(path, tmp_path, tuple(LEVELS))
    for level in LEVELS:
        made = read_facts(tmp_path / f"{level}.gguf")
        assert _bytes(made) == {tensor.name: (tensor.type, tensor.bytes) for tensor in arranged(facts).at(level)}


def _bytes(facts: ModelFacts) -> dict[str, tuple[str, int]]:
    return {tensor.name: (tensor.type, tensor.bytes) for tensor in facts.tensors}


def _mixture_tensors() -> Iterator[StoredTensor]:
    shapes = {"model.embed_tokens": (512, 256), "lm_head": (512, 256), "model.norm": (256,)}
    for layer in range(MIXTURE["num_hidden_layers"]):
        start = f"model.layers.{layer}"
        shapes |= {f"{start}.{part}_layernorm": (256,) for part in ("input", "post_attention")}
        shapes |= {f"{start}.self_attn.{part}_proj": (256, 256) for part in "qo"}
        shapes |= {f"{start}.self_attn.{part}_proj": (64, 256) for part in "kv"}
        shapes |= {f"{start}.block_sparse_moe.gate": (8, 256)}
        for expert in range(8):
            shapes |= {f"{start}.block_sparse_moe.experts.{expert}.{part}": (512, 256) for part in ("w1", "w3")}
            shapes |= {f"{start}.block_sparse_moe.experts.{expert}.w2": (256, 512)}
    for name, shape in shapes.items():
        yield StoredTensor(f"{name}.weight", "BF16", shape, 2 * prod(shape))


# Memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory as Linux counts it")
@pytest.mark.parametrize(
    ("context_tokens", "cache_type"), [(512, "f16"), (4096, "q8_0"), (8192, "f16"), (8192, "q4_0")]
)
def test_a_running_model_takes_the_memory_foretold(starter: Checkpoint, context_tokens: int, cache_type: str) -> None:
    facts = read_facts(starter.path)
    context = Context(context_tokens, cache_type, BATCH_TOKENS)
    foretold = gguf_placed(sizes_of(facts, facts.format_id), context, 0).main
    loaded, usage = _run(starter, LoadOptions(context_tokens, 0, 1, BATCH_TOKENS, cache_type))
    rounding = 0.01 * 1024**2  # llama.cpp prints hundredths of a MiB
    assert abs(loaded["weights_bytes"] - foretold.weights_bytes) <= rounding
    assert abs(loaded["kv_cache_bytes"] - foretold.kv_cache_bytes) <= rounding
    assert loaded["compute_bytes"] == pytest.approx(foretold.compute_bytes, rel=0.05)
    assert usage["peak_memory_bytes"] == pytest.approx(foretold.total_bytes, rel=0.05)


def _run(starter: Checkpoint, options: LoadOptions) -> tuple[dict[str, Any], dict[str, Any]]:
    with Session(starter, options) as session:
        *_, loaded = session.load()
        *_, answered = session.generate(PROMPT, Sampling(temperature=0.0, max_tokens=4))
    assert isinstance(loaded, Finished)
    assert isinstance(answered, Finished)
    return loaded.value, answered.value
