"""Write a Llama-shaped GGUF file of random weights with a real model's vocabulary: for sizes and speeds, not for words.

``python3 -m tests.device.random_model VOCABULARY.gguf TARGET.gguf LAYERS WIDTH FEED_FORWARD``
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np

HEAD = 64


def write(vocabulary: Path, target: Path, layers: int, width: int, feed_forward: int) -> None:
    """Write F16 weights of a standard deviation that keeps activations finite."""
    source = gguf.GGUFReader(vocabulary)
    writer = gguf.GGUFWriter(target, "llama", use_temp_file=False)
    for name, field in source.fields.items():
        if name.startswith(("tokenizer.", "general.name")):
            kind = field.types[0]
            writer.add_key_value(name, field.contents(), kind, field.types[1] if len(field.types) > 1 else None)
    heads = width // HEAD
    for setting, value in (
        (writer.add_context_length, 8192),
        (writer.add_embedding_length, width),
        (writer.add_block_count, layers),
        (writer.add_feed_forward_length, feed_forward),
        (writer.add_head_count, heads),
        (writer.add_head_count_kv, heads // 4),
        (writer.add_rope_dimension_count, HEAD),
        (writer.add_file_type, gguf.LlamaFileType.MOSTLY_F16),
    ):
        setting(value)
    writer.add_layer_norm_rms_eps(1e-5)
    _add_tensors(writer, layers, width, feed_forward, len(source.fields["tokenizer.ggml.tokens"].data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tensors(writer: gguf.GGUFWriter, layers: int, width: int, feed_forward: int, tokens: int) -> None:
    random = np.random.default_rng(7)

    def add(name: str, rows: int, columns: int) -> None:
        values = random.standard_normal((rows, columns), dtype=np.float32) * (0.4 / columns**0.5)
        writer.add_tensor(name, values.astype(np.float16))

    add("token_embd.weight", tokens, width)
    for layer in range(layers):
        block = f"blk.{layer}."
        add(block + "attn_q.weight", width, width)
        add(block + "attn_k.weight", width // 4, width)
        add(block + "attn_v.weight", width // 4, width)
        add(block + "attn_output.weight", width, width)
        add(block + "ffn_gate.weight", feed_forward, width)
        add(block + "ffn_up.weight", feed_forward, width)
        add(block + "ffn_down.weight", width, feed_forward)
        for norm in ("attn_norm.weight", "ffn_norm.weight"):
            writer.add_tensor(block + norm, np.ones(width, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(width, np.float32))


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:6]))
