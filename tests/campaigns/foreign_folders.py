"""The starter model's folder cut to two layers, in the shapes of several families: what foreign programs quantize.

The numbers are the starter model's own, so that outliers and norms are real; a width of 512 is a multiple of every
group size that published checkpoints have. The words that such a model says mean nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from safetensors.torch import load_file, save_file  # pyright: ignore[reportMissingImports]

Tensor = Any
Tensors = dict[str, Any]

LAYERS, WIDTH, HEADS, KEY_HEADS, HEAD, FEED_FORWARD = 2, 512, 8, 2, 64, 1536
COMMON = {
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_HEADS,
    "head_dim": HEAD,
    "intermediate_size": FEED_FORWARD,
    "max_position_embeddings": 2048,
}
NORMS = ("input_layernorm", "post_attention_layernorm")


def write_family(starter: Path, folder: Path, family: str) -> Path:
    """Write the cut model as ``family`` and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors, config = _cut(load_file(starter / "model.safetensors")), json.loads((starter / "config.json").read_text())
    config |= COMMON
    torch.manual_seed(7)
    more = FAMILIES[family](tensors)
    config |= {"model_type": family, **more}
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
        shutil.copy(starter / name, folder / name)
    return folder


def _cut(tensors: Tensors) -> Tensors:
    rows = {"q_proj": HEADS * HEAD, "k_proj": KEY_HEADS * HEAD, "v_proj": KEY_HEADS * HEAD, "o_proj": WIDTH}
    rows |= {"gate_proj": FEED_FORWARD, "up_proj": FEED_FORWARD, "down_proj": WIDTH}
    columns = {"o_proj": HEADS * HEAD, "down_proj": FEED_FORWARD}
    kept = {}
    for name, tensor in tensors.items():
        part = name.split(".")[-2]
        if name.startswith("model.layers.") and int(name.split(".")[2]) >= LAYERS:
            continue
        if tensor.dim() == 1:
            kept[name] = tensor[:WIDTH]
        elif part in rows:
            kept[name] = tensor[: rows[part], : columns.get(part, WIDTH)]
        else:
            kept[name] = tensor[:, :WIDTH]
    return kept


def _layers() -> list[str]:
    return [f"model.layers.{layer}." for layer in range(LAYERS)]


def _llama(tensors: Tensors) -> dict[str, Any]:
    return {"architectures": ["LlamaForCausalLM"]}


def _mistral(tensors: Tensors) -> dict[str, Any]:
    return {"architectures": ["MistralForCausalLM"], "sliding_window": None, "tie_word_embeddings": True}


def _qwen2(tensors: Tensors) -> dict[str, Any]:
    for stem in _layers():
        for name in ("q_proj", "k_proj", "v_proj"):
            weight = tensors[f"{stem}self_attn.{name}.weight"]
            tensors[f"{stem}self_attn.{name}.bias"] = (torch.randn(weight.shape[0]) * 0.3).to(weight.dtype)
    return {"architectures": ["Qwen2ForCausalLM"], "use_sliding_window": False}


def _qwen3(tensors: Tensors) -> dict[str, Any]:
    for stem in _layers():
        for name in ("q_norm", "k_norm"):
            tensors[f"{stem}self_attn.{name}.weight"] = (torch.rand(HEAD) + 0.5).to(torch.bfloat16)
    return {"architectures": ["Qwen3ForCausalLM"], "use_sliding_window": False}


def _gemma2(tensors: Tensors) -> dict[str, Any]:
    """Gemma's norms are 1 + weight, and there are two more of them a layer."""
    _gemma_norms(tensors)
    more = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "sliding_window": 32}
    return {"architectures": ["Gemma2ForCausalLM"], "query_pre_attn_scalar": HEAD, **GEMMA, **more}


GEMMA = {"hidden_activation": "gelu_pytorch_tanh", "hidden_act": "gelu_pytorch_tanh", "rope_theta": 10000.0}


def _gemma3(tensors: Tensors) -> dict[str, Any]:
    _gemma_norms(tensors)
    for stem in _layers():
        for name in ("q_norm", "k_norm"):
            tensors[f"{stem}self_attn.{name}.weight"] = (torch.rand(HEAD) - 0.5).to(torch.bfloat16)
    more = {"sliding_window": 32, "layer_types": ["sliding_attention", "full_attention"], "model_type": "gemma3_text"}
    return {"architectures": ["Gemma3ForCausalLM"], "query_pre_attn_scalar": HEAD, **GEMMA, **more}


def _gemma_norms(tensors: Tensors) -> None:
    for name in list(tensors):
        if name.endswith("norm.weight"):
            tensors[name] = (tensors[name].float() - 1).to(torch.bfloat16)
    for stem in _layers():
        tensors[f"{stem}pre_feedforward_layernorm.weight"] = tensors[f"{stem}post_attention_layernorm.weight"]
        for name in ("post_attention_layernorm", "post_feedforward_layernorm"):
            tensors[f"{stem}{name}.weight"] = (torch.rand(WIDTH) * 0.2 - 0.1).to(torch.bfloat16)


def _phi3(tensors: Tensors) -> dict[str, Any]:
    for stem in _layers():
        attention, feed = f"{stem}self_attn.", f"{stem}mlp."
        parts = [tensors.pop(f"{attention}{name}.weight") for name in ("q_proj", "k_proj", "v_proj")]
        tensors[f"{attention}qkv_proj.weight"] = torch.cat(parts)
        parts = [tensors.pop(f"{feed}{name}.weight") for name in ("gate_proj", "up_proj")]
        tensors[f"{feed}gate_up_proj.weight"] = torch.cat(parts)
    more = {"original_max_position_embeddings": 2048, "partial_rotary_factor": 1.0, "rope_theta": 10000.0}
    return {"architectures": ["Phi3ForCausalLM"], "sliding_window": None, **more}


def _untied(tensors: Tensors) -> dict[str, Any]:
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "tie_word_embeddings": False}


FAMILIES: dict[str, Callable[[Tensors], dict[str, Any]]] = {
    "llama": _llama,
    "llama-untied": _untied,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma2": _gemma2,
    "gemma3": _gemma3,
    "phi3": _phi3,
}
