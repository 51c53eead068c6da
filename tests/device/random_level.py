"""Write a Llama-shaped Q4_K_M GGUF file of random blocks, without a vocabulary: to time llama.cpp on the very shapes.

``python3 -m tests.device.random_level TARGET.gguf 1B|8B``. The types of the tensors are those that llama.cpp chooses.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np

from tests.device.torch_folders import ABOUT_1B, ABOUT_8B, Shape

NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
SCALES = {gguf.GGMLQuantizationType.Q4_K: (0, 2), gguf.GGMLQuantizationType.Q6_K: (208,)}  # where a block keeps them


def write(target: Path, shape: Shape) -> None:
    """Write the file, tensor by tensor."""
    writer = gguf.GGUFWriter(target, "llama", use_temp_file=False)
    writer.add_tokenizer_model("none")
    for setting, value in (
        (writer.add_vocab_size, shape.vocabulary),
        (writer.add_context_length, 8192),
        (writer.add_embedding_length, shape.width),
        (writer.add_block_count, shape.layers),
        (writer.add_feed_forward_length, shape.feed_forward),
        (writer.add_head_count, shape.heads),
        (writer.add_head_count_kv, shape.key_heads),
        (writer.add_rope_dimension_count, shape.head),
        (writer.add_file_type, gguf.LlamaFileType.MOSTLY_Q4_K_M),
    ):
        setting(value)
    writer.add_layer_norm_rms_eps(1e-5)
    for name, rows, columns in (("token_embd", shape.vocabulary, shape.width), *_linear(shape)):
        _add(writer, name, rows, columns, _type(name, shape))
    for name in ("output_norm", *(f"blk.{n}.{part}_norm" for n in range(shape.layers) for part in ("attn", "ffn"))):
        writer.add_tensor(f"{name}.weight", np.ones(shape.width, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _linear(shape: Shape) -> list[tuple[str, int, int]]:
    found = [] if shape.tied else [("output", shape.vocabulary, shape.width)]
    for path, rows, columns in shape.linear():
        _, _, layer, part = path.split(".", 3)
        found.append((f"blk.{layer}.{NAMES[part]}", rows, columns))
    return found


def _type(name: str, shape: Shape) -> gguf.GGMLQuantizationType:
    """Return what Q4_K_M stores a tensor in: ``use_more_bits`` of llama.cpp's src/llama-quant.cpp."""
    better = name == "output" or (name == "token_embd" and shape.tied)
    if name.endswith(("attn_v", "ffn_down")):
        layer, eighth = int(name.split(".")[1]), shape.layers // 8
        better = layer < eighth or layer >= 7 * shape.layers // 8 or (layer - eighth) % 3 == 2
    return gguf.GGMLQuantizationType.Q6_K if better else gguf.GGMLQuantizationType.Q4_K


def _add(writer: gguf.GGUFWriter, name: str, rows: int, columns: int, kind: gguf.GGMLQuantizationType) -> None:
    weights, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = np.random.default_rng(7).integers(0, 256, (rows * columns // weights, size), dtype=np.uint8)
    small = np.frombuffer(np.float16(1e-3).tobytes(), np.uint8)  # random bits would be no numbers
    for place in SCALES[kind]:
        blocks[:, place : place + 2] = small
    writer.add_tensor(f"{name}.weight", blocks.reshape(rows, -1), raw_dtype=kind)


if __name__ == "__main__":
    write(Path(sys.argv[1]), {"1B": ABOUT_1B, "8B": ABOUT_8B}[sys.argv[2]])
