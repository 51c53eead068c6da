"""Sees weights that are packed into integers as what they stand for: their true shape, with all that belongs to them.

Sources: AutoAWQ 0.2.9, awq/modules/linear/gemm.py (``qweight``: in × out/8); GPTQModel 7.7.0, nn_modules/qlinear
(in/8 × out); bitsandbytes 0.50.2, functional.py, ``QuantState.as_dict`` (two weights a byte, the state beside them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from engine.catalog.headers.configuration import Config
from engine.catalog.headers.safetensors_header import StoredTensor

WORD_BITS = 32
COMPANION = re.compile(
    r"^(?P<stem>.+)\.(?:qzeros|scales|g_idx|SCB|weight_format"
    r"|weight\.(?:absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+))$"
)


def unpacked(tensors: Iterable[StoredTensor], config: Config) -> Iterator[StoredTensor]:
    """Yield the tensors with packed ones under the name and shape of their weights; scales and such add their bytes."""
    method = str(config.table("quantization_config").get("quant_method", ""))
    bits = config.table("quantization_config").get("bits")
    values = WORD_BITS // bits if isinstance(bits, int) and 0 < bits <= WORD_BITS else 8
    weights: dict[str, StoredTensor] = {}
    extra_bytes: dict[str, int] = {}
    for tensor in tensors:
        if companion := COMPANION.match(tensor.name):
            name = f"{companion['stem']}.weight"
            extra_bytes[name] = extra_bytes.get(name, 0) + tensor.bytes
        else:
            weight = _weight(tensor, method, values)
            weights[weight.name] = weight
    for name, weight in weights.items():
        yield replace(weight, bytes=weight.bytes + extra_bytes.get(name, 0))


def _weight(tensor: StoredTensor, method: str, values: int) -> StoredTensor:
    if tensor.name.endswith(".qweight") and len(tensor.shape) == 2:
        rows, columns = tensor.shape
        shape = (columns * values, rows) if method == "awq" else (columns, rows * values)
        return StoredTensor(tensor.name.replace(".qweight", ".weight"), "INT4", shape, tensor.bytes)
    if method == "bitsandbytes" and tensor.type == "U8" and tensor.shape[1:] == (1,):
        return replace(tensor, type="NF4", shape=(2 * tensor.shape[0],))
    return tensor
