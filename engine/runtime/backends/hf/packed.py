"""Linear layers with packed weights.

One layout for all four-bit formats, whoever wrote them: a row of the matrix lies in one piece, two weights a byte, the
even column in the high half. A prompt is computed by widening the matrix; one token by kernels that read it as it is
(:mod:`engine.runtime.backends.hf.cuda`).
"""

from __future__ import annotations

from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.nf4 import BLOCK, NF4_VALUES, Nf4

Tensor = Any


class Packed(nn.Module):
    """A linear layer whose matrix must be widened to multiply with it on any device.

    ``order``: the columns as they are stored (GPTQ with activation reordering); ``None`` for as they come.
    """

    def __init__(self, rows: int, columns: int, bias: Tensor | None, order: Tensor | None = None) -> None:
        super().__init__()
        self.out_features, self.in_features = rows, columns
        self.register_buffer("bias", bias, persistent=False)
        self.register_buffer("order", order, persistent=False)

    def widened(self, kind: Any) -> Tensor:
        """Return the matrix (rows, columns as stored) in a floating type."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        if self.order is not None:
            inputs = inputs[..., self.order]
        bias = None if self.bias is None else self.bias.to(inputs.dtype)
        return nn.functional.linear(inputs, self.widened(inputs.dtype), bias)


class Nf4Linear(Packed):
    """bitsandbytes' NF4 with double quantization."""

    def __init__(self, weight: Nf4, bias: Tensor | None) -> None:
        rows, half = weight.codes.shape
        super().__init__(rows, 2 * half, bias)
        for name in ("codes", "absmax", "nested", "nested_table", "offset"):
            self.register_buffer(name, getattr(weight, name), persistent=False)
        self.register_buffer("table", torch.tensor(NF4_VALUES, device=weight.codes.device), persistent=False)

    def widened(self, kind: Any) -> Tensor:
        weight = Nf4(self.codes, self.absmax, self.nested, self.nested_table, self.offset)
        values = self.table[unpacked(self.codes).int()].view(-1, BLOCK)
        return (values * weight.scales.unsqueeze(1)).view(self.out_features, -1).to(kind)


class Int8Linear(Packed):
    """bitsandbytes' INT8: a scale a row. Inputs stay at 16 bits, which is nearer to the original than LLM.int8()."""

    def __init__(self, codes: Tensor, absmax: Tensor, bias: Tensor | None) -> None:
        rows, columns = codes.shape
        super().__init__(rows, columns, bias)
        self.register_buffer("codes", codes, persistent=False)
        self.register_buffer("scales", (absmax / 127.0).float(), persistent=False)

    def widened(self, kind: Any) -> Tensor:
        return self.codes.to(kind) * self.scales.to(kind).unsqueeze(1)


class Grouped4Linear(Packed):
    """AWQ's, GPTQ's and compressed-tensors' four bits: weight = (code - zero) * scale, for each group of columns.

    ``codes``: uint8 (rows, columns / 2); ``scales``: float16 and ``zeros``: uint8, (rows, groups).
    """

    def __init__(
        self, codes: Tensor, scales: Tensor, zeros: Tensor, *, order: Tensor | None = None, bias: Tensor | None = None
    ) -> None:
        super().__init__(codes.shape[0], 2 * codes.shape[1], bias, order)
        self.group = self.in_features // scales.shape[1]
        for name, tensor in (("codes", codes), ("scales", scales.half()), ("zeros", zeros)):
            self.register_buffer(name, tensor, persistent=False)
        self.register_buffer("table", torch.arange(16.0, device=codes.device), persistent=False)

    def widened(self, kind: Any) -> Tensor:
        codes = unpacked(self.codes).view(self.out_features, -1, self.group).to(torch.float32)
        values = (codes - self.zeros.unsqueeze(2)) * self.scales.float().unsqueeze(2)
        return values.view(self.out_features, -1).to(kind)


def unpacked(codes: Tensor) -> Tensor:
    """Return the four-bit numbers of bytes, uint8, twice as many in the last dimension."""
    return torch.stack((codes >> 4, codes & 15), dim=-1).flatten(-2)


def packed(numbers: Tensor) -> Tensor:
    """Return four-bit numbers (rows, columns) two a byte."""
    numbers = numbers.to(torch.uint8)
    return ((numbers[:, ::2] << 4) | numbers[:, 1::2]).contiguous()
