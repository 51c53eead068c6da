"""Sees weights that are packed into integers as what they stand for: their true shape, with all that belongs to them.

Sources: AutoAWQ 0.2.9, awq/modules/linear/gemm.py (``qweight``: in × out/8); GPTQModel 7.7.0, nn_modules/qlinear
(in/8 × out); bitsandbytes 0.50.2, functional.py, ``QuantState.as_dict`` (two weights a byte, the state beside them);
compressed-tensors 0.19.0, compressors/pack_quantized and nvfp4 (``weight_packed``: out × in/8 words, or in/2 bytes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from engine.catalog.headers.configuration import Config
from engine.catalog.headers.safetensors_header import StoredTensor

WORD_BITS, BYTE_BITS = 32, 8
COMPANION = re.compile(
    r"^(?P<stem>.+)\.(?:qzeros|scales|g_idx|SCB|weight_format"
    r"|weight\.(?:absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+)"
    r"|weight_(?:scale|scale_inv|scale_2|zero_point|shape|g_idx|global_scale)|(?:input|output)_(?:scale|zero_point|global_scale))$"
)


def bits_of(quantization: Mapping[str, Any]) -> int:
    """Return how many bits a weight has, as a ``quantization_config`` says; 4 where it does not."""
    told = quantization.get("bits", quantization.get("w_bit", _scheme(quantization).get("num_bits", 4)))
    return told if isinstance(told, int) else 4


def is_floating(quantization: Mapping[str, Any]) -> bool:
    """Tell whether compressed-tensors' weights are small floating point numbers (FP8, NVFP4, MXFP4)."""
    return _scheme(quantization).get("type") == "float"


def packing_of(quantization: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is special of packed weights, as :attr:`engine.formats.ModelFacts.packing` has it."""
    grouped = quantization.get("group_size") != -1  # a whole row is one group, in whatever order
    gptq = quantization.get("quant_method") == "gptq"
    ordered = (gptq and grouped and quantization.get("desc_act") is True) or (
        _scheme(quantization).get("actorder") in ("group", "dynamic", True)  # True: compressed-tensors' former word
    )
    layouts = {str(quantization.get(key, "")).lower() for key in ("version", "checkpoint_format", "format")}
    gemv = quantization.get("quant_method") == "awq" and any(layout.startswith("gemv") for layout in layouts)
    found = {"ordered": ordered, "asymmetric": gptq and quantization.get("sym") is False, "gemv": gemv}
    return tuple(word for word, is_so in found.items() if is_so)


def _scheme(quantization: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return how compressed-tensors' first group of layers has its weights."""
    groups = quantization.get("config_groups")
    first = next(iter(groups.values()), {}) if isinstance(groups, dict) else {}
    weights = first.get("weights") if isinstance(first, dict) else {}
    return weights if isinstance(weights, dict) else {}


def unpacked(tensors: Iterable[StoredTensor], config: Config) -> Iterator[StoredTensor]:
    """Yield the tensors with packed ones under the name and shape of their weights; scales and such add their bytes."""
    method = str(config.table("quantization_config").get("quant_method", ""))
    bits = bits_of(config.table("quantization_config"))
    values = WORD_BITS // bits if 0 < bits <= WORD_BITS else 8
    weights: dict[str, StoredTensor] = {}
    extra_bytes: dict[str, int] = {}
    for tensor in tensors:
        if companion := COMPANION.match(tensor.name):
            name = f"{companion['stem']}.weight"
            extra_bytes[name] = extra_bytes.get(name, 0) + tensor.bytes
        else:
            weight = _weight(tensor, method, values, bits)
            weights[weight.name] = weight
    for name, weight in weights.items():
        yield replace(weight, bytes=weight.bytes + extra_bytes.get(name, 0))


def _weight(tensor: StoredTensor, method: str, values: int, bits: int) -> StoredTensor:
    if tensor.name.endswith(".weight_packed") and len(tensor.shape) == 2:
        rows, columns = tensor.shape
        per_element = values if tensor.type == "I32" else BYTE_BITS // bits
        name = tensor.name.replace(".weight_packed", ".weight")
        return StoredTensor(name, f"INT{bits}", (rows, columns * per_element), tensor.bytes)
    if tensor.name.endswith(".qweight") and len(tensor.shape) == 2:
        rows, columns = tensor.shape
        shape = (columns * values, rows) if method == "awq" else (columns, rows * values)
        return StoredTensor(tensor.name.replace(".qweight", ".weight"), "INT4", shape, tensor.bytes)
    if method == "bitsandbytes" and tensor.type == "U8" and tensor.shape[1:] == (1,):
        return replace(tensor, type="NF4", shape=(2 * tensor.shape[0],))
    return tensor
