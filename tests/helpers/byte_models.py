"""Writes tiny GGUF models of random weights whose tokens are bytes, for what the usual small Llama does not show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

WIDTH, LAYERS, CONTEXT = 64, 2, 2048
TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
VOCABULARY = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
TYPES = [2, 3, 3, *[6] * 256]  # gguf.TokenType: unknown, control, byte


def write_mamba(path: Path) -> Path:
    """Write a recurrent model: its state cannot be cut back to an earlier token."""
    writer = _writer(path, "mamba", TEMPLATE)
    inner, kernel, state, rank = 2 * WIDTH, 4, 16, 8
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    add = _Weights(writer)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        add(f"{block}.attn_norm.weight", WIDTH)
        add(f"{block}.ssm_in.weight", 2 * inner, WIDTH)
        add(f"{block}.ssm_conv1d.weight", inner, kernel)
        add(f"{block}.ssm_conv1d.bias", inner)
        add(f"{block}.ssm_x.weight", rank + 2 * state, inner)
        add(f"{block}.ssm_dt.weight", inner, rank)
        add(f"{block}.ssm_dt.bias", inner)
        add(f"{block}.ssm_a", inner, state, scale=-1.0)
        add(f"{block}.ssm_d", inner)
        add(f"{block}.ssm_out.weight", WIDTH, inner)
    add("output_norm.weight", WIDTH)
    return _written(writer, path)


def write_bert(path: Path) -> Path:
    """Write a model that makes embeddings and no text."""
    writer = _writer(path, "bert")
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-5)
    writer.add_causal_attention(False)
    writer.add_token_type_count(2)
    add = _Weights(writer)
    add("position_embd.weight", CONTEXT, WIDTH)
    add("token_types.weight", 2, WIDTH)
    add("token_embd_norm.weight", WIDTH)
    add("token_embd_norm.bias", WIDTH)
    for layer in range(LAYERS):
        shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (WIDTH, WIDTH), "attn_v": (WIDTH, WIDTH)}
        shapes |= {"attn_output": (WIDTH, WIDTH), "ffn_up": (2 * WIDTH, WIDTH), "ffn_down": (WIDTH, 2 * WIDTH)}
        for name, (rows, columns) in shapes.items():
            add(f"blk.{layer}.{name}.weight", rows, columns)
            add(f"blk.{layer}.{name}.bias", rows)
        for name in ("attn_output_norm", "layer_output_norm"):
            add(f"blk.{layer}.{name}.weight", WIDTH)
            add(f"blk.{layer}.{name}.bias", WIDTH)
    return _written(writer, path)


class _Weights:
    """Adds tensors of the same random numbers each time; norms are ones, the way models begin."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._random = np.random.RandomState(0)
        self("token_embd.weight", len(VOCABULARY), WIDTH)

    def __call__(self, name: str, *shape: int, scale: float = 0.2) -> None:
        numbers = np.ones(shape) if "norm.weight" in name else self._random.uniform(0.5, 1, shape) * scale
        if scale > 0 and len(shape) > 1:
            numbers = self._random.standard_normal(shape) * scale
        self._writer.add_tensor(name, numbers.astype(np.float32))


def _writer(path: Path, architecture: str, template: str = "") -> Any:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_vocab_size(len(VOCABULARY))
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(VOCABULARY)
    writer.add_token_scores([0.0] * len(VOCABULARY))
    writer.add_token_types(TYPES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if template:
        writer.add_chat_template(template)
    return writer


def _written(writer: Any, path: Path) -> Path:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
