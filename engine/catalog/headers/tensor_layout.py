"""Lays tensors of a Hugging Face folder out as a GGUF file would hold them: what is left out, merged, split, turned.

Source: llama.cpp 0c1e57098, conversion/ (``filter_tensors``, ``modify_tensors``, ``generate_extra_tensors``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from engine.catalog.headers.configuration import Config
from engine.catalog.headers.packed_tensors import unpacked
from engine.catalog.headers.safetensors_header import StoredTensor
from engine.catalog.headers.tensor_names import gguf_name
from engine.formats import TensorFacts
from engine.recommend.blocks import stored_bytes

# Parts that see or hear: they become a file of their own, or nothing.
OTHER_SENSES = re.compile(
    r"^(?:mlp|vit\.|vpm\.|siglip2\.|conformer\.|merger\.|resampler\.|sound_|speech_embeddings\.)"
    r"|visual\.|vision[._]|audio[._]|talker\.|token2wav\.|code2wav\.|projector\.|image_newline|patch_embed|patch_merge"
    r"|model\.connector\."
)
LEFT_OUT = re.compile(
    r"\.attn\.(?:bias|masked_bias)$|\.attention\.(?:bias|masked_bias)$|rotary_emb\.inv_freq$|\.act_fn\."
    r"|\.weight_scale_inv$|\.(?:input|k|v|activation)_scale$|_proj_scales$"
)
NUMBERED_EXPERT = re.compile(r"\.experts\.\d+\.")
OUTPUT_NEVER_KEPT = frozenset({"gemma", "gemma2", "gemma3"})
OUTPUT_DROPPED_IF_TIED = frozenset({"deepseek2", "granite", "granitemoe", "granitehybrid", "hunyuan-dense", "mamba"})
SECOND_MAMBA = frozenset({"mamba2", "falcon-h1", "granitehybrid", "nemotron_h"})
TURNED = frozenset({"gpt2"})  # Conv1D: stored as (in, out)
TURNED_EXPERTS = frozenset({"gpt-oss", "llama4"})


def lay_out(tensors: Iterable[StoredTensor], architecture: str, config: Config) -> tuple[TensorFacts, ...]:
    """Return the tensors with GGUF's names and shapes (row length first), experts merged; types stay as stored."""
    laid: dict[str, TensorFacts] = {}
    for tensor in unpacked(tensors, config):
        if OTHER_SENSES.search(tensor.name) or LEFT_OUT.search(tensor.name):
            continue
        for part in _parts(_renamed(tensor, architecture), architecture, config):
            laid[part.name] = _merged(laid.get(part.name), part, bool(NUMBERED_EXPERT.search(tensor.name)))
    if _output_is_dropped(architecture, config):
        laid.pop("output.weight", None)
    return (*laid.values(), *_rope_factors(config))


def _renamed(tensor: StoredTensor, architecture: str) -> TensorFacts:
    name = gguf_name(tensor.name, architecture)
    if tensor.name.endswith("_blocks") and len(tensor.shape) == 4:
        return _microscaled(name, tensor)
    return TensorFacts(name, _shape(name, tensor.shape, architecture), tensor.type, tensor.bytes)


def _microscaled(name: str, tensor: StoredTensor) -> TensorFacts:
    """Return experts that are stored in MXFP4 (their scales lie apart) as the GGUF type that holds the same bits."""
    experts, rows, blocks, _ = tensor.shape
    shape = (blocks * 32, rows, experts)
    return TensorFacts(name, shape, "MXFP4", stored_bytes(shape, "MXFP4"))


def _shape(name: str, stored: tuple[int, ...], architecture: str) -> tuple[int, ...]:
    shape = tuple(reversed(stored)) or (1,)
    if name.endswith(("conv1d.weight", "shortconv.conv.weight")):
        return tuple(extent for extent in shape if extent != 1) or (1,)
    if architecture in TURNED and len(shape) == 2 and re.search(r"attn_qkv|attn_output|ffn_", name):
        return shape[::-1]
    if architecture in TURNED_EXPERTS and "_exps.weight" in name and len(shape) == 3:
        return (shape[1], shape[0], shape[2])
    if architecture in SECOND_MAMBA and name.endswith(("ssm_a", "ssm_d")):
        return (1, *shape)
    return shape


def _merged(before: TensorFacts | None, part: TensorFacts, expert: bool) -> TensorFacts:
    """Return ``part``; an expert of a layer is stacked upon those before it."""
    if not expert:
        return part
    if before is None:
        return replace(part, shape=(*part.shape, 1))
    return replace(before, shape=(*before.shape[:-1], before.shape[-1] + 1), bytes=before.bytes + part.bytes)


def _parts(tensor: TensorFacts, architecture: str, config: Config) -> tuple[TensorFacts, ...]:
    """Split what a GGUF file holds in two: gate and up projections, latent keys and values."""
    if "ffn_gate_up_exps" in tensor.name and len(tensor.shape) >= 2:
        rows = 0 if tensor.name.endswith(".bias") else 1
        return _halves(tensor, rows, "ffn_gate_up_exps", ("ffn_gate_exps", "ffn_up_exps"))
    if "ffn_gate_up_shexp" in tensor.name and len(tensor.shape) == 2:
        shared = tuple(f"ffn_{part}{_shared_ending(config)}" for part in ("gate", "up"))
        return _halves(tensor, 1, "ffn_gate_up_shexp", shared)
    if "ffn_down_shexp" in tensor.name:
        return (replace(tensor, name=tensor.name.replace("_shexp", _shared_ending(config))),)
    if "attn_kv_b.weight" in tensor.name and config.has("kv_lora_rank"):
        return _latent(tensor, config)
    if "attn_qkvz" in tensor.name:
        values = config.number("linear_num_value_heads") * config.number("linear_value_head_dim")
        keys = 2 * config.number("linear_num_key_heads") * config.number("linear_key_head_dim")
        return _halves(tensor, 1, "attn_qkvz", ("attn_qkv", "attn_gate"), (keys + values, values))
    if architecture in SECOND_MAMBA and "ssm_norm" in tensor.name and len(tensor.shape) == 1:
        groups = max(config.number("mamba_n_groups", "n_groups", default=1), 1)
        return (replace(tensor, shape=(tensor.shape[0] // groups, groups)),)
    return (tensor,)


def _shared_ending(config: Config) -> str:
    """Return how GGUF marks a part that all experts share: not at all where there are no experts."""
    return "_shexp" if config.number("num_local_experts", "num_experts", "n_routed_experts", default=0) else ""


def _halves(
    tensor: TensorFacts, axis: int, old: str, names: tuple[str, ...], shares: tuple[int, ...] = (1, 1)
) -> tuple[TensorFacts, ...]:
    whole = sum(shares)
    return tuple(
        TensorFacts(
            tensor.name.replace(old, name),
            (*tensor.shape[:axis], tensor.shape[axis] * share // whole, *tensor.shape[axis + 1 :]),
            tensor.type,
            tensor.bytes * share // whole,
        )
        for name, share in zip(names, shares, strict=True)
    )


def _latent(tensor: TensorFacts, config: Config) -> tuple[TensorFacts, ...]:
    """Split DeepSeek's ``kv_b`` into the two matrices of each head that its latent attention multiplies with."""
    heads, keys = config.number("num_attention_heads"), config.number("qk_nope_head_dim")
    values, rank = config.number("v_head_dim"), tensor.shape[0]
    each = tensor.bytes // max(keys + values, 1)
    return (
        TensorFacts(tensor.name.replace("attn_kv_b", "attn_k_b"), (keys, rank, heads), tensor.type, each * keys),
        TensorFacts(tensor.name.replace("attn_kv_b", "attn_v_b"), (rank, values, heads), tensor.type, each * values),
    )


def _output_is_dropped(architecture: str, config: Config) -> bool:
    tied = config.flag("tie_word_embeddings")
    return architecture in OUTPUT_NEVER_KEPT or (tied and architecture in OUTPUT_DROPPED_IF_TIED)


def _rope_factors(config: Config) -> tuple[TensorFacts, ...]:
    """Return the table of frequency factors that the converter adds for Llama 3's long contexts."""
    rope = config.table("rope_parameters", "rope_scaling")
    if rope.get("rope_type", rope.get("type")) != "llama3":
        return ()
    heads = max(config.number("num_attention_heads"), 1)
    width = config.number("head_dim", default=config.number("hidden_size") // heads)
    return (TensorFacts("rope_freqs.weight", (width // 2,), "F32", width // 2 * 4),)
