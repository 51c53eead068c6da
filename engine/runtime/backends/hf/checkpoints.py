"""The packed weights of checkpoints as their makers write them, put into one layout.

Sources, read and not copied: AutoGPTQ and GPTQModel 7.7.0 (``qlinear/__init__.py``), AutoAWQ 0.2.9
(``utils/packing_utils.py``), compressed-tensors 0.20.0 (``compressors/pack_quantized``), bitsandbytes 0.50.2
(``QuantState.as_dict``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.errors import UnsupportedModel
from engine.runtime.backends.hf.nf4 import BLOCK, INT8_LARGEST, NF4_VALUES, Nf4, nested_nf4
from engine.runtime.backends.hf.packed import Grouped4Linear, Int8Linear, Nf4Linear, Packed, packed

Tensor = Any
Parts = Mapping[str, Tensor]
BACKEND = "transformers"

_ONES = 0x11111111  # added to a word, with carries: so GPTQModel takes one off its eight zero points (model_utils.py)
AWQ_ORDER = (0, 4, 1, 5, 2, 6, 3, 7)  # which four bits of a word hold its columns


@dataclass(frozen=True, slots=True)
class Packing:
    """How a checkpoint's packed layers are stored. ``mark``: the part that only a packed layer has."""

    mark: str
    parts: frozenset[str]
    read: Callable[[Parts], Packed]


def packing_of(quantization: Mapping[str, Any], architecture: str) -> Packing:
    """Return how to read a checkpoint by its ``quantization_config``. Raises :class:`UnsupportedModel` with why not."""
    method = str(quantization.get("quant_method", ""))
    maker = {"gptq": _gptq, "awq": _awq, "compressed-tensors": _compressed, "bitsandbytes": _bitsandbytes}.get(method)
    if maker is None:
        raise UnsupportedModel(architecture, BACKEND, f"its weights are stored as “{method}”, which is not read here")
    try:
        return maker(quantization)
    except UnknownForm as error:
        elsewhere = "" if method == "bitsandbytes" else "; vLLM may read it (halfbyte serve)"
        reason = f"its weights are {method} {error}, which is not read here{elsewhere}"
        raise UnsupportedModel(architecture, BACKEND, reason) from error


class UnknownForm(Exception):
    """Names a variant of a packing that is not read."""


def _gptq(quantization: Mapping[str, Any]) -> Packing:
    _expect(quantization.get("bits", 4) == 4, f"with {quantization.get('bits')} bits")
    form = quantization.get("checkpoint_format") or "gptq"
    _expect(form in ("gptq", "gptq_v2") and not quantization.get("is_marlin_format"), f"in the form {form}")
    stored_less_one = form == "gptq"

    def read(parts: Parts) -> Packed:
        numbers = _nibbles(parts["qweight"].T)  # (outputs, inputs)
        zeros = _nibbles(parts["qzeros"] + _ONES if stored_less_one else parts["qzeros"]).T
        _expect(zeros.shape == parts["scales"].T.shape, "with other than 4 bits")
        _expect_even(numbers, zeros, quantization.get("group_size") if not quantization.get("dynamic") else None)
        order = _order(parts.get("g_idx"), numbers.shape[1], zeros.shape[1])
        numbers = numbers if order is None else numbers[:, order]
        return Grouped4Linear(
            packed(numbers), parts["scales"].T.contiguous(), _bytes(zeros), order=order, bias=parts.get("bias")
        )

    return Packing("qweight", frozenset({"qweight", "qzeros", "scales", "g_idx", "bias"}), read)


def _awq(quantization: Mapping[str, Any]) -> Packing:
    bits = quantization.get("bits", quantization.get("w_bit", 4))
    _expect(bits == 4, f"with {bits} bits")
    version = str(quantization.get("version", "gemm")).lower()
    _expect(version == "gemm", f"of version {version}")

    def read(parts: Parts) -> Packed:
        numbers, zeros = (_nibbles(parts[name], AWQ_ORDER).T for name in ("qweight", "qzeros"))
        scales = parts["scales"].T.contiguous()
        _expect_even(numbers, scales, quantization.get("group_size", quantization.get("q_group_size")))
        return Grouped4Linear(packed(numbers), scales, _bytes(zeros), bias=parts.get("bias"))

    return Packing("qweight", frozenset({"qweight", "qzeros", "scales", "bias"}), read)


def _compressed(quantization: Mapping[str, Any]) -> Packing:
    form = quantization.get("format", "")
    _expect(form in ("pack-quantized", "int-quantized"), f"in the form {form}")
    schemes = [group.get("weights") or {} for group in (quantization.get("config_groups") or {}).values()]
    bits = {scheme.get("num_bits") for scheme in schemes}
    if bits == {8}:
        return _compressed8(form, schemes)
    _expect(bits == {4} and form == "pack-quantized", f"with {_listed(bits)} bits in the form {form}")

    def read(parts: Parts) -> Packed:
        numbers, scales = _nibbles(parts["weight_packed"]), parts["weight_scale"]
        _expect_even(numbers, scales, schemes[0].get("group_size") if len(schemes) == 1 else None)
        zeros = torch.full(scales.shape, 8, device=scales.device)
        if "weight_zero_point" in parts:
            zeros = _nibbles(parts["weight_zero_point"].T).T
        order = _order(parts.get("weight_g_idx"), numbers.shape[1], scales.shape[1])
        numbers = numbers if order is None else numbers[:, order]
        return Grouped4Linear(packed(numbers), scales.contiguous(), _bytes(zeros), order=order, bias=parts.get("bias"))

    names = {"weight_packed", "weight_scale", "weight_shape", "weight_zero_point", "weight_g_idx", "bias"}
    return Packing("weight_packed", frozenset(names), read)


def _compressed8(form: str, schemes: Sequence[Mapping[str, Any]]) -> Packing:
    """Read eight bits with a scale a row. What enters stays at 16 bits, also where its maker rounds it to eight."""
    plain = all(scheme.get("strategy") == "channel" and scheme.get("symmetric", True) for scheme in schemes)
    _expect(plain, "with 8 bits in groups or with zero points")
    stored = "weight_packed" if form == "pack-quantized" else "weight"

    def read(parts: Parts) -> Packed:
        codes = parts[stored]
        if stored == "weight_packed":
            rows = codes.shape[0]
            codes = (codes.contiguous().view(torch.uint8).view(rows, -1).to(torch.int16) - 128).to(torch.int8)
        return Int8Linear(codes, parts["weight_scale"].float().view(-1) * INT8_LARGEST, parts.get("bias"))

    names = {stored, "weight_scale", "weight_shape", "input_scale", "input_zero_point", "bias"}
    return Packing("weight_scale", frozenset(names), read)


def _listed(numbers: set[Any]) -> str:
    return " and ".join(sorted(map(str, numbers))) or "unknown"


def _bitsandbytes(quantization: Mapping[str, Any]) -> Packing:
    if quantization.get("load_in_8bit"):

        def read8(parts: Parts) -> Packed:
            return Int8Linear(parts["weight"], parts["SCB"], parts.get("bias"))

        return Packing("SCB", frozenset({"weight", "SCB", "weight_format", "bias"}), read8)
    kind = quantization.get("bnb_4bit_quant_type", "fp4")
    _expect(kind == "nf4", f"of the kind {kind}")
    state = "weight.quant_state.bitsandbytes__nf4"
    names = {f"weight.{name}" for name in ("absmax", "quant_map", "nested_absmax", "nested_quant_map")}
    return Packing(state, frozenset({"weight", state, "bias", *names}), lambda parts: _nf4(parts, state))


def _nf4(parts: Parts, state: str) -> Packed:
    told = json.loads(bytes(parts[state].cpu().tolist()))
    _expect(told.get("blocksize", BLOCK) == BLOCK, f"in blocks of {told.get('blocksize')}")
    same_values = torch.allclose(parts["weight.quant_map"].cpu().float(), torch.tensor(NF4_VALUES), atol=1e-6)
    _expect(same_values, "with values of its own")
    rows, columns = told["shape"]
    codes, absmax = parts["weight"].view(rows, columns // 2), parts["weight.absmax"]
    if "weight.nested_absmax" not in parts:  # without double quantization
        return Nf4Linear(nested_nf4(codes, absmax.float()), parts.get("bias"))
    offset = torch.tensor(float(told["nested_offset"]), device=codes.device)
    nested = parts["weight.nested_absmax"].float()
    weight = Nf4(codes, absmax, nested, parts["weight.nested_quant_map"].float(), offset)
    return Nf4Linear(weight, parts.get("bias"))


def _expect(holds: bool, variant: str) -> None:
    if not holds:
        raise UnknownForm(variant)


def _expect_even(numbers: Tensor, scales: Tensor, group: Any) -> None:
    """Refuse a last group that is shorter than the others; both are (rows, …). Without a group one scale has a row."""
    columns, groups = numbers.shape[1], scales.shape[1]
    even = not isinstance(group, int) or group <= 0 or columns == groups * group
    _expect(even, f"in groups of {group}, which do not divide a width of {columns:,}")


def _nibbles(words: Tensor, order: tuple[int, ...] = tuple(range(8))) -> Tensor:
    """Return the eight numbers of each 32-bit word, the last dimension eight times as long."""
    shifts = torch.tensor([4 * place for place in order], dtype=torch.int32, device=words.device)
    return ((words.unsqueeze(-1) >> shifts) & 15).flatten(-2)


def _order(group_of: Tensor | None, columns: int, groups: int) -> Tensor | None:
    """Return the columns sorted by their group; ``None`` where they are."""
    if group_of is None:
        return None
    as_they_come = torch.arange(columns, device=group_of.device) // (columns // groups)
    if torch.equal(group_of.to(as_they_come.dtype), as_they_come):
        return None
    return torch.argsort(group_of, stable=True)


def _bytes(zeros: Tensor) -> Tensor:
    return zeros.to(torch.uint8).contiguous()
