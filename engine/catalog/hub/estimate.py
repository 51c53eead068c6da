"""Guesses the facts of a model from a search row: a typical model with as many parameters.

It serves the list alone, before anything of the model is read; look-up and headers replace it. Weights in memory come
out right, because their number is known; the KV cache is that of the usual shape of this size.
"""

from __future__ import annotations

from math import log

from engine.catalog.hub.values import FoundModel
from engine.formats import ModelFacts, TensorFacts
from engine.recommend.blocks import BLOCK_TYPES, stored_bytes

# Layers, width, key/value heads and head width of models by their billions of parameters, as published: SmolLM2-135M
# and -360M, Qwen2.5-0.5B, Llama-3.2-1B, SmolLM2-1.7B, Llama-3.2-3B, Llama-3-8B, Qwen2.5-14B and -32B, Llama-3-70B,
# Mistral-Large, Llama-3.1-405B.
SHAPES: dict[float, tuple[int, int, int, int]] = {
    0.135: (30, 576, 3, 64),
    0.362: (32, 960, 5, 64),
    0.494: (24, 896, 2, 64),
    1.236: (16, 2048, 8, 64),
    1.711: (24, 2048, 32, 64),
    3.213: (28, 3072, 8, 128),
    8.030: (32, 4096, 8, 128),
    14.77: (48, 5120, 8, 128),
    32.76: (64, 5120, 8, 128),
    70.55: (80, 8192, 8, 128),
    122.6: (88, 12288, 8, 128),
    405.9: (126, 16384, 8, 128),
}
SMALLEST = 0.05  # billions; below it everything fits everywhere
VOCABULARY = 128_256
SMALL_VOCABULARY = 49_152
CONTEXT_TOKENS = 32_768


def estimated_facts(found: FoundModel) -> ModelFacts | None:
    """Return the facts of a typical model of this size; ``None`` where the Hub does not know the size."""
    parameters = unpacked_parameters(found)
    billions = parameters / 1e9
    if billions < SMALLEST:
        return None
    layers, width, kv_heads, head = SHAPES[min(SHAPES, key=lambda size: abs(log(size / billions)))]
    vocabulary = VOCABULARY if billions > 0.4 else SMALL_VOCABULARY
    attention = 2 * width * width + 2 * width * kv_heads * head
    in_layer = (parameters - vocabulary * width) / layers - attention
    feed_forward = max(1, round(in_layer / (3 * width) / 256)) * 256
    stored = _main_type(found)
    return ModelFacts(
        name=found.name,
        architecture=found.architecture or "llama",
        format_id=f"plain-{stored.lower()}",
        layers=layers,
        width=width,
        heads=width // head,
        kv_heads=(kv_heads,) * layers,
        key_length=head,
        value_length=head,
        window=(0,) * layers,
        feed_forward=feed_forward,
        vocabulary=vocabulary,
        trained_context=found.context_tokens or CONTEXT_TOKENS,
        experts=0,
        experts_used=0,
        tensors=_tensors(layers, width, kv_heads * head, feed_forward, vocabulary, stored),
    )


def unpacked_parameters(found: FoundModel) -> int:
    """Return the number of parameters; the Hub counts a word of eight or a byte of two 4-bit weights as one."""
    packed = {"awq": ("I32", 8), "gptq": ("I32", 8), "bitsandbytes": ("U8", 2)}
    for tag, (kind, each) in packed.items():
        if tag in found.tags and kind in found.stored_types:
            return found.parameters + (each - 1) * found.stored_types[kind]
    return found.parameters


def _main_type(found: FoundModel) -> str:
    """Return the type that most parameters are stored in, as far as llama.cpp knows it too."""
    known = {kind: count for kind, count in found.stored_types.items() if kind in BLOCK_TYPES}
    return max(known, key=lambda kind: known[kind]) if known else "BF16"


def _tensors(
    layers: int, width: int, kv_width: int, feed_forward: int, vocabulary: int, stored: str
) -> tuple[TensorFacts, ...]:
    shapes = [("token_embd.weight", (width, vocabulary)), ("output_norm.weight", (width,))]
    for layer in range(layers):
        shapes += [
            (f"blk.{layer}.attn_norm.weight", (width,)),
            (f"blk.{layer}.attn_q.weight", (width, width)),
            (f"blk.{layer}.attn_k.weight", (width, kv_width)),
            (f"blk.{layer}.attn_v.weight", (width, kv_width)),
            (f"blk.{layer}.attn_output.weight", (width, width)),
            (f"blk.{layer}.ffn_norm.weight", (width,)),
            (f"blk.{layer}.ffn_gate.weight", (width, feed_forward)),
            (f"blk.{layer}.ffn_up.weight", (width, feed_forward)),
            (f"blk.{layer}.ffn_down.weight", (feed_forward, width)),
        ]
    return tuple(TensorFacts(name, shape, stored, stored_bytes(shape, stored)) for name, shape in shapes)
