"""Turns GGUF metadata into :class:`ModelFacts`, as llama.cpp would read it.

A Hugging Face folder arrives here too, its configuration in GGUF's terms, so that there is one reading of both.
Source: llama.cpp 0c1e57098, src/llama-model.cpp (``load_hparams``), src/llama-hparams.cpp and src/models/.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.catalog.headers.attention import cached_heads, windows
from engine.catalog.headers.gguf_header import Skipped
from engine.catalog.headers.hyperparameters import Hyperparameters
from engine.catalog.headers.recurrent import recurrent_layers, recurrent_state_bytes
from engine.formats import ModelFacts, TensorFacts


def model_facts(
    metadata: Mapping[str, Any], tensors: Sequence[TensorFacts], *, name: str, format_id: str, file: str
) -> ModelFacts:
    """Return the facts of a model. Raises :class:`DamagedFile` for metadata that make no sense."""
    known = Hyperparameters(metadata, file)
    heads = known.number("attention.head_count")
    head_width = known.width // heads if heads else 0
    recurrent = recurrent_layers(known)
    latent = known.has("attention.key_length_mla")  # one latent row serves as key and value: no second cache
    key_length = known.number("attention.key_length", head_width) if heads else 0
    value_length = known.number("attention.value_length", head_width) if heads and not latent else 0
    return ModelFacts(
        name=_text(metadata, "general.name") or name,
        architecture=known.architecture,
        format_id=format_id,
        layers=known.layers,
        width=known.width,
        heads=heads,
        kv_heads=cached_heads(known, recurrent),
        key_length=key_length,
        value_length=value_length,
        window=windows(known, recurrent),
        feed_forward=known.number("feed_forward_length"),
        vocabulary=_vocabulary(known, metadata, tensors),
        trained_context=known.number("context_length", highest=1 << 40),
        experts=known.number("expert_count"),
        experts_used=known.number("expert_used_count"),
        tensors=tuple(tensors),
        recurrent_bytes=recurrent_state_bytes(known, recurrent),
        chat_template="tokenizer.chat_template" in metadata,
        licence=_text(metadata, "general.license"),
        window_key_length=known.number("attention.key_length_swa", key_length) if heads else 0,
        window_value_length=known.number("attention.value_length_swa", value_length) if value_length else 0,
        query_group=_query_group(known),
    )


def _query_group(known: Hyperparameters) -> int:
    heads = known.number("attention.head_count")
    first = known.for_each_layer("attention.head_count_kv", heads)[0]
    return heads // first if first else 0


def _vocabulary(known: Hyperparameters, metadata: Mapping[str, Any], tensors: Sequence[TensorFacts]) -> int:
    embedding = next((tensor for tensor in tensors if tensor.name == "token_embd.weight"), None)
    if embedding is not None and len(embedding.shape) == 2:
        return embedding.shape[1]
    tokens = metadata.get("tokenizer.ggml.tokens")
    return tokens.count if isinstance(tokens, Skipped) else known.number("vocab_size")


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) else ""
