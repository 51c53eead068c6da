"""Bytes of a model's weights in each format, tensor by tensor.

GGUF: llama.cpp's own choice of types (:mod:`engine.recommend.tensor_types`). The others quantize the linear layers
within the decoder and leave embeddings, output and norms at 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.formats import FORMATS, Family, Format, ModelFacts, TensorFacts, family_named
from engine.recommend.tensor_types import Arranged, arranged

GROUPS = (128, 64, 32)  # input values that share a scale: the widest that divides every layer's width
NF4_BLOCK, NF4_NESTED_BLOCK = 64, 256
HALF_BYTES = 2


def family_of(format_id: str) -> Family:
    """Return the family that an id belongs to, also one without a row: plain weights, for all that is known."""
    row = FORMATS.get(format_id)
    return row.family if row else family_named(format_id) or Family.PLAIN


def weights_bytes(facts: ModelFacts, format_id: str) -> int:
    """Return the bytes of all tensors in a format."""
    return sum(tensor.bytes for tensor in tensors_in(facts, format_id))


def tensors_in(facts: ModelFacts, format_id: str, ready: Arranged | None = None) -> tuple[TensorFacts, ...]:
    """Return the tensors as a format stores them. Raises ``KeyError`` for an unknown one, unless it is the file's.

    ``ready`` spares arranging the tensors again for each of several GGUF levels.
    """
    if format_id == facts.format_id:
        return facts.tensors
    stored_as = FORMATS[format_id]
    if stored_as.family is Family.GGUF:
        return (ready or arranged(facts)).at(stored_as.label)
    size = _sizes(stored_as, group_size(facts))
    return tuple(TensorFacts(tensor.name, tensor.shape, stored_as.label, size(tensor)) for tensor in facts.tensors)


def group_size(facts: ModelFacts) -> int:
    """Return the group size of AWQ and GPTQ: 128, or a smaller one where 128 does not divide the widths."""
    widths = {tensor.shape[0] for tensor in facts.tensors if is_linear(tensor)}
    return next((group for group in GROUPS if all(width % group == 0 for width in widths)), GROUPS[-1])


def is_linear(tensor: TensorFacts) -> bool:
    """Tell a weight matrix of a decoder layer, the router of a mixture of experts left out."""
    within = tensor.name.startswith("blk.") and tensor.name.endswith(".weight")
    apart = "_norm" in tensor.name or "ffn_gate_inp" in tensor.name or "conv" in tensor.name
    return within and not apart and len(tensor.shape) > 1


def _sizes(stored_as: Format, group: int) -> Callable[[TensorFacts], int]:
    linear: Callable[[TensorFacts], int] = {
        "awq-int4-g128": lambda tensor: _grouped_int4(tensor, group),
        "gptq-int4-g128": lambda tensor: _grouped_int4(tensor, group) + 4 * tensor.shape[0] * _matrices(tensor),
        "bnb-nf4": _nf4,
        "bnb-int8": _int8,
    }.get(stored_as.id, _half)
    return lambda tensor: linear(tensor) if is_linear(tensor) else _half(tensor)


def _half(tensor: TensorFacts) -> int:
    return HALF_BYTES * tensor.elements


def _matrices(tensor: TensorFacts) -> int:
    return tensor.shape[2] if len(tensor.shape) > 2 else 1


def _grouped_int4(tensor: TensorFacts, group: int) -> int:
    """Return four bits a weight, and for each group a 4-bit zero point and a 16-bit scale.

    Source: AutoAWQ 0.2.9, awq/modules/linear/gemm.py, and GPTQModel 7.7.0, gptqmodel/nn_modules/qlinear: ``qweight``,
    ``qzeros``, ``scales``. GPTQ adds ``g_idx``, 32 bits an input.
    """
    if tensor.shape[0] % group:
        return _half(tensor)
    groups = tensor.elements // group
    return tensor.elements // 2 + groups // 2 + HALF_BYTES * groups


def _int8(tensor: TensorFacts) -> int:
    """Return eight bits a weight and a 32-bit scale a row.

    Source: LLM.int8() (arXiv 2208.07339); bitsandbytes 0.50.2, nn/modules.py, ``Int8Params`` (``CB``, ``SCB``).
    """
    return tensor.elements + 4 * (tensor.elements // tensor.shape[0])


def _nf4(tensor: TensorFacts) -> int:
    """Return four bits a weight, 8 a block of 64, and 32 for 256 of these blocks (double quantization).

    Source: QLoRA (arXiv 2305.14314, section 3); bitsandbytes 0.50.2, functional.py, ``quantize_4bit``, whose state
    holds an offset (4 bytes) and two code books (16 and 256 values of 4 bytes) besides.
    """
    blocks = -(-tensor.elements // NF4_BLOCK)
    nested = -(-blocks // NF4_NESTED_BLOCK)
    return -(-tensor.elements // 2) + blocks + 4 * nested + 4 * (1 + 16 + 256)
