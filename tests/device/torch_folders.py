"""Model folders of random weights in every format that the transformers back end reads: for sizes, speeds and equality.

The packing is written here a second time, from the formats' descriptions, and not taken from the code under test.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from safetensors.torch import save_file  # pyright: ignore[reportMissingImports]

Tensor = Any
AWQ_COLUMNS = (0, 2, 4, 6, 1, 3, 5, 7)  # which column of eight lies in each four bits of a word


@dataclass(frozen=True)
class Shape:
    """A Llama-shaped model."""

    width: int
    layers: int
    feed_forward: int
    heads: int
    key_heads: int
    vocabulary: int
    family: str = "llama"
    tied: bool = False
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return self.more.get("head_dim", self.width // self.heads)

    def linear(self) -> Iterator[tuple[str, int, int]]:
        """Yield name, outputs and inputs of the layers' matrices."""
        queries, keys = self.heads * self.head, self.key_heads * self.head
        sizes = {
            "self_attn.q_proj": (queries, self.width),
            "self_attn.k_proj": (keys, self.width),
            "self_attn.v_proj": (keys, self.width),
            "self_attn.o_proj": (self.width, queries),
            "mlp.gate_proj": (self.feed_forward, self.width),
            "mlp.up_proj": (self.feed_forward, self.width),
            "mlp.down_proj": (self.width, self.feed_forward),
        }
        for layer in range(self.layers):
            for name, (outputs, inputs) in sizes.items():
                yield f"model.layers.{layer}.{name}", outputs, inputs


ABOUT_1B = Shape(2048, 16, 8192, 32, 8, 128256, tied=True)  # Llama-3.2-1B
ABOUT_8B = Shape(4096, 32, 14336, 32, 8, 128256)  # Llama-3-8B


def write_folder(
    folder: Path, shape: Shape, form: str, tokenizer: Path | None = None, device: str = "cpu", group: int = 128
) -> Path:
    """Write a folder in ``form``: plain, gptq, gptq-act, awq or compressed."""
    folder.mkdir(parents=True)
    torch.manual_seed(7)
    tensors: dict[str, Tensor] = {}
    shard = 0
    biased = ("q_proj", "k_proj", "v_proj") if shape.family == "qwen2" else ()
    for name, outputs, inputs in shape.linear():
        if form == "plain":
            tensors[f"{name}.weight"] = random(outputs, inputs, device)
        else:
            tensors |= {
                f"{name}.{part}": tensor for part, tensor in packed(form, outputs, inputs, group, device).items()
            }
        if name.endswith(biased or "no"):
            tensors[f"{name}.bias"] = random(1, outputs, device).view(-1)
        if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > 3e9:
            shard += 1
            _save(folder, shard, tensors)
    tensors |= _others(shape, device)
    _save(folder, shard + 1, tensors)
    (folder / "config.json").write_text(json.dumps(_config(shape, form, group)))
    if tokenizer:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(tokenizer / name, folder / name)
    return folder


def random(rows: int, columns: int, device: str) -> Tensor:
    return (torch.randn((rows, columns), device=device) * (0.4 / columns**0.5)).to(torch.bfloat16).cpu()


def packed(form: str, outputs: int, inputs: int, group: int, device: str) -> dict[str, Tensor]:
    groups = inputs // group
    numbers = torch.randint(0, 16, (inputs, outputs), device=device, dtype=torch.int32)
    zeros = torch.randint(6, 10, (groups, outputs), device=device, dtype=torch.int32)
    scales = ((torch.rand((groups, outputs), device=device) + 0.5) * (0.09 / inputs**0.5)).half()
    if form == "awq":
        return _cpu(qweight=_awq(numbers), qzeros=_awq(zeros), scales=scales)
    if form == "compressed":
        stored = _words(numbers.T.contiguous())
        return _cpu(
            weight_packed=stored,
            weight_scale=scales.T.contiguous().to(torch.bfloat16),
            weight_zero_point=_words(zeros).T.contiguous(),
            weight_shape=torch.tensor([outputs, inputs]),
        )
    g_idx = torch.arange(inputs, device=device, dtype=torch.int32) // group
    if form == "gptq-act":
        order = torch.randperm(inputs, generator=torch.Generator().manual_seed(inputs)).to(device)
        g_idx = g_idx[order]
    return _cpu(
        qweight=_words(numbers.T.contiguous()).T.contiguous(), qzeros=_words(zeros - 1), scales=scales, g_idx=g_idx
    )


def _words(numbers: Tensor) -> Tensor:
    """Pack along the last dimension, the first number in the lowest bits."""
    parts = numbers.view(*numbers.shape[:-1], -1, 8)
    word = torch.zeros_like(parts[..., 0])
    for place in range(8):
        word |= parts[..., place] << (4 * place)
    return word


def _awq(numbers: Tensor) -> Tensor:
    parts = numbers.view(numbers.shape[0], -1, 8)[..., list(AWQ_COLUMNS)]
    return _words(parts.reshape(numbers.shape))


def _cpu(**tensors: Tensor) -> dict[str, Tensor]:
    return {name: tensor.cpu() for name, tensor in tensors.items()}


def _others(shape: Shape, device: str) -> dict[str, Tensor]:
    loudness = 1 if shape.tied else 20  # an embedding that is the output too would be certain of every next token
    tensors = {"model.embed_tokens.weight": random(shape.vocabulary, shape.width, device) * loudness}
    if not shape.tied:
        tensors["lm_head.weight"] = random(shape.vocabulary, shape.width, device)
    norms = ["model.norm.weight"]
    for layer in range(shape.layers):
        stem = f"model.layers.{layer}."
        norms += [f"{stem}input_layernorm.weight", f"{stem}post_attention_layernorm.weight"]
        if shape.family == "qwen3":
            for name in ("q_norm", "k_norm"):
                tensors[f"{stem}self_attn.{name}.weight"] = (torch.rand(shape.head) + 0.5).to(torch.bfloat16)
    return tensors | {name: (torch.rand(shape.width) + 0.5).to(torch.bfloat16) for name in norms}


def _save(folder: Path, shard: int, tensors: dict[str, Tensor]) -> None:
    save_file(tensors, folder / f"model-{shard:05}.safetensors", metadata={"format": "pt"})
    tensors.clear()


def _config(shape: Shape, form: str, group: int) -> dict[str, Any]:
    quantization = {
        "gptq": {"quant_method": "gptq", "bits": 4, "group_size": group, "checkpoint_format": "gptq"},
        "gptq-act": {"quant_method": "gptq", "bits": 4, "group_size": group, "desc_act": True},
        "awq": {"quant_method": "awq", "bits": 4, "group_size": group, "version": "gemm", "zero_point": True},
        "compressed": {
            "quant_method": "compressed-tensors",
            "format": "pack-quantized",
            "config_groups": {"group_0": {"weights": {"num_bits": 4, "group_size": group, "symmetric": False}}},
        },
    }
    config: dict[str, Any] = {
        "architectures": [f"{shape.family.capitalize()}ForCausalLM"],
        "model_type": shape.family,
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "intermediate_size": shape.feed_forward,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": shape.tied,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-5,
        "rope_theta": 500000.0,
        "hidden_act": "silu",
        "torch_dtype": "bfloat16",
        "bos_token_id": 1,
        "eos_token_id": 2,
        **shape.more,
    }
    return config | ({"quantization_config": quantization[form]} if form in quantization else {})
