"""GGUF files as publishers have them: a real header, vocabulary and all, in front of a few made-up weights.

Names, order and lengths are those of a Llama 3 of 8 billion parameters, as llama-quantize writes it: 32 layers, 128,256
tokens, 280,147 merges (7.8 MB of header). The rows are short, so that a file stays small.
"""

from __future__ import annotations

import functools
import random
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from engine.catalog.headers.file_types import FILE_TYPES
from engine.formats import TensorFacts
from engine.recommend.blocks import BLOCK_TYPES, stored_bytes

ROW = 256
PER_LAYER = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
NUMBERS = {label: number for number, label in FILE_TYPES.items()}
MAIN_TYPES = {
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K",
}
MAIN_TYPES |= {"Q3_K_L": "Q3_K", "Q2_K_S": "Q2_K", "IQ3_M": "IQ3_S", "IQ2_M": "IQ2_S", "IQ3_XS": "IQ3_XXS"}
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}" * 40


def level_file(
    label: str,
    *,
    layers: int = 32,
    tokens: int = 128_256,
    merges: int = 280_147,
    template: str = TEMPLATE,
    more: Mapping[str, Any] | None = None,
    first: int = 0,
    last: int | None = None,
) -> bytes:
    """Return a file of this level; ``first`` and ``last`` choose a part of the tensors, as a split file has them."""
    values: dict[str, Any] = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": "Made Up 8B",
        "general.license": "apache-2.0",
        "general.tags": ["text-generation", "en"],
        "llama.block_count": layers,
        "llama.context_length": 8192,
        "llama.embedding_length": ROW,
        "llama.feed_forward_length": 4,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
        "llama.rope.freq_base": 500000.0,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.tokens": _words(tokens, 1, 13),
        "tokenizer.ggml.token_type": [1] * tokens,
        "tokenizer.ggml.merges": _words(merges, 3, 16),
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.chat_template": template,
        "general.quantization_version": 2,
        "general.file_type": NUMBERS[label],
        **(more or {}),
    }
    shapes = [("token_embd.weight", (ROW, 8)), ("output_norm.weight", (ROW,)), ("output.weight", (ROW, 8))]
    for layer in range(layers):
        shapes += [(f"blk.{layer}.{part}.weight", (ROW, 4)) for part in PER_LAYER]
        shapes += [(f"blk.{layer}.{part}.weight", (ROW,)) for part in ("attn_norm", "ffn_norm")]
    chosen = shapes[first : last if last is not None else len(shapes)]
    return header_and_weights(values, chosen, MAIN_TYPES.get(label, label))


def gguf_header(values: Mapping[str, Any], tensors: Sequence[TensorFacts]) -> tuple[bytes, int]:
    """Return the header of a file with these tensors, padded to where their data begin, and how long those are."""
    entries = b"".join(_text(key) + _value(value) for key, value in values.items())
    table, data = [], 0
    for tensor in tensors:
        table.append(_text(tensor.name) + struct.pack("<I", len(tensor.shape)))
        table.append(b"".join(struct.pack("<Q", extent) for extent in tensor.shape))
        table.append(struct.pack("<IQ", BLOCK_TYPES[tensor.type].number, data))
        data += -(-tensor.bytes // 32) * 32
    header = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values)) + entries + b"".join(table)
    return header + bytes(-len(header) % 32), data


def header_and_weights(values: Mapping[str, Any], shapes: list[tuple[str, tuple[int, ...]]], main: str) -> bytes:
    entries = b"".join(_text(key) + _value(value) for key, value in values.items() if value != [])
    count = sum(value != [] for value in values.values())
    table, data = [], 0
    for name, shape in shapes:
        kind = main if len(shape) > 1 else "F32"
        table.append(_text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape))
        table.append(struct.pack("<IQ", BLOCK_TYPES[kind].number, data))
        data += -(-stored_bytes(shape, kind) // 32) * 32
    header = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), count) + entries + b"".join(table)
    return header + bytes(-len(header) % 32) + random.Random(len(table)).randbytes(data)


@functools.cache
def _words(count: int, shortest: int, longest: int) -> list[str]:
    """Return words as a vocabulary has them: short ones first, some in other scripts, some quite long."""
    source = random.Random(count)
    letters = "etaoinshrdlucmfwypvbgkjqxz" * 3 + "Ġéüñ北中文한국"
    pool = "".join(source.choices(letters, k=50_000))
    words = []
    for number in range(count):
        length = source.randint(shortest, 2 + shortest + (longest - shortest) * number // count)
        start = source.randrange(len(pool) - 200)
        words.append(pool[start : start + (length if number % 5000 else 180)])
    return words


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack("<Q", len(encoded)) + encoded


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_text, value))
    return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
