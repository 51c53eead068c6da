"""Writes small GGUF files of random weights, good ones and bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

WIDTH, FEED_FORWARD, VOCABULARY = 256, 512, 64
F16 = 1  # llama.h, enum llama_ftype


def write_gguf(
    path: Path,
    architecture: str = "llama",
    file_type: int = F16,
    layers: int = 1,
    spoilt: float | None = None,
    width: int = WIDTH,
    values: Mapping[str, int | float | str] | None = None,
) -> Path:
    """Write a Llama at F16 without a vocabulary; ``spoilt`` takes the place of one weight; ``values`` are metadata."""
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_block_count(layers)
    writer.add_context_length(512)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(file_type)
    for key, value in (values or {}).items():
        add_value = {int: writer.add_int32, float: writer.add_float32, str: writer.add_string}[type(value)]
        add_value(key, value)
    random = np.random.RandomState(0)

    def add(name: str, *shape: int) -> None:
        numbers = (random.standard_normal(shape) * 0.05).astype(np.float16 if len(shape) > 1 else np.float32)
        if spoilt is not None and "ffn_up" in name:
            numbers[0, 0] = spoilt
        writer.add_tensor(name, numbers)

    add("token_embd.weight", VOCABULARY, width)
    add("output_norm.weight", width)
    for layer in range(layers):
        add(f"blk.{layer}.attn_norm.weight", width)
        add(f"blk.{layer}.ffn_norm.weight", width)
        for part, rows, columns in (
            ("attn_q", width, width),
            ("attn_k", width // 2, width),
            ("attn_v", width // 2, width),
            ("attn_output", width, width),
            ("ffn_gate", FEED_FORWARD, width),
            ("ffn_up", FEED_FORWARD, width),
            ("ffn_down", width, FEED_FORWARD),
        ):
            add(f"blk.{layer}.{part}.weight", rows, columns)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
