"""Models as the Hub has them, for the local Hub: real headers of real shapes, and zeros in the place of weights.

A file of gigabytes takes kilobytes of memory: it is read like any other, and its hash is made up.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from engine.formats import ModelFacts
from engine.recommend.tensor_types import tensors_at
from tests.helpers.headers import safetensors
from tests.helpers.hub_repository import Content
from tests.helpers.hub_server import Hub
from tests.helpers.level_files import NUMBERS, gguf_header
from tests.helpers.models import case, facts_of, stored_tensors

LEVELS = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0")
TOKENS = 2000  # of the vocabulary: real ones only make the tests slow


class Hollow(Content):
    """A file that is zeros after its ``head``."""

    def __init__(self, head: bytes, size: int) -> None:
        super().__init__(head, lfs=True)
        self.size = size
        self.sha256 = hashlib.sha256(head + size.to_bytes(8, "little")).hexdigest()

    def read(self, offset: int, length: int) -> bytes:
        piece = super().read(offset, length)
        return piece + bytes(max(0, min(length, self.size - offset) - len(piece)))


@functools.cache
def gguf(model: str, level: str) -> Hollow:
    """Return a level of one of the models in tests/cases/models."""
    facts = facts_of(model)
    head, data_bytes = gguf_header(_metadata(facts, level), tensors_at(facts, level))
    return Hollow(head, len(head) + data_bytes)


@functools.cache
def folder(model: str, shards: int = 2) -> dict[str, bytes | Content]:
    """Return the files of a published folder in BF16."""
    tensors = list(stored_tensors(model))
    size = -(-len(tensors) // shards)
    files: dict[str, bytes | Content] = {
        "config.json": json.dumps(case(model)["config"]).encode(),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b'{"chat_template": "{{ messages }}"}',
    }
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
        files[name] = _shard(tensors[number * size : (number + 1) * size])
    return files


def _shard(tensors: Iterable[Any]) -> Hollow:
    rows, at = {}, 0
    for tensor in tensors:
        rows[tensor.name] = (tensor.type, list(tensor.shape), [at, at + tensor.bytes])
        at += tensor.bytes
    head = safetensors(rows)
    return Hollow(head, len(head) + at)


def _metadata(facts: ModelFacts, level: str) -> dict[str, Any]:
    name = facts.architecture
    return {
        "general.architecture": name,
        "general.type": "model",
        "general.name": facts.name,
        f"{name}.block_count": facts.layers,
        f"{name}.context_length": facts.trained_context,
        f"{name}.embedding_length": facts.width,
        f"{name}.feed_forward_length": facts.feed_forward,
        f"{name}.attention.head_count": facts.heads,
        f"{name}.attention.head_count_kv": facts.kv_heads[0],
        f"{name}.vocab_size": facts.vocabulary,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": [f"t{number}" for number in range(TOKENS)],
        "tokenizer.chat_template": "{{ messages }}",
        "general.file_type": NUMBERS[level],
    }


def about(model: str, task: str = "text-generation", tags: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """Return what the Hub says of a repository of this model."""
    count = facts_of(model).parameters
    kind = {"gguf": {"total": count, "architecture": facts_of(model).architecture, "context_length": 8192}}
    plain = {"safetensors": {"parameters": {"BF16": count}, "total": count}}
    return {"pipeline_tag": task, "tags": ["license:apache-2.0", *tags], **(kind if "gguf" in tags else plain), **more}


def stock(hub: Hub) -> None:
    """Publish what people would look for: originals, ready-made ones, a gated one, and one that is too big."""
    popular = {"downloads": 4_210_000, "likes": 5120, "trendingScore": 90}
    hub.publish("meta-llama/Meta-Llama-3-8B-Instruct", folder("Llama-3-8B", 4), gated="manual", **_llama(popular))
    made = ("gguf", "base_model:meta-llama/Meta-Llama-3-8B-Instruct")
    quantized = "base_model:quantized:meta-llama/Meta-Llama-3-8B-Instruct"
    hub.publish(
        "bartowski/Meta-Llama-3-8B-Instruct-GGUF",
        {f"Meta-Llama-3-8B-Instruct-{level}.gguf": gguf("Llama-3-8B", level) for level in LEVELS},
        **about("Llama-3-8B", tags=(*made, quantized), downloads=312_000, likes=640, trendingScore=80),
    )
    hub.publish(
        "casperhansen/llama-3-8b-instruct-awq",
        {"config.json": b"{}", "README.md": b"# AWQ"},
        **about("Llama-3-8B", tags=("awq", quantized), downloads=51_000, likes=40, trendingScore=20),
    )
    hub.publish(
        "Qwen/Qwen2.5-0.5B-Instruct",
        folder("Qwen2.5-0.5B", 1),
        **about("Qwen2.5-0.5B", downloads=980_000, likes=410, trendingScore=60),
    )
    hub.publish(
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
        {f"qwen2.5-0.5b-instruct-{level.lower()}.gguf": gguf("Qwen2.5-0.5B", level) for level in LEVELS},
        **about(
            "Qwen2.5-0.5B",
            tags=("gguf", "base_model:quantized:Qwen/Qwen2.5-0.5B-Instruct"),
            downloads=140_000,
            likes=95,
            trendingScore=50,
        ),
    )
    hub.publish(
        "Qwen/Qwen2.5-72B-Instruct",
        folder("Qwen2.5-72B", 8),
        **about("Qwen2.5-72B", downloads=720_000, likes=880, trendingScore=70),
    )


def _llama(popular: dict[str, Any]) -> dict[str, Any]:
    return about("Llama-3-8B", tags=("license:llama3",), **popular)
