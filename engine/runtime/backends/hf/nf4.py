"""NF4 and INT8 as bitsandbytes has them: quantize, and widen again.

Sources: QLoRA (arXiv 2305.14314) and LLM.int8() (arXiv 2208.07339); bitsandbytes 0.50.2, functional.py
(``quantize_4bit``, ``create_dynamic_map``) and backends/default/ops.py. The tests compare with bitsandbytes itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

Tensor = Any

BLOCK, NESTED_BLOCK = 64, 256
_TINY = 1e-38  # stands for the maximum of a block of zeros
INT8_LARGEST = 127.0

# The quantiles of a normal distribution that the four bits number.
NF4_VALUES = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


@dataclass(frozen=True, slots=True)
class Nf4:
    """A matrix in NF4 with double quantization.

    ``codes``: uint8 (rows, columns / 2), the even column in the high half. ``absmax``: uint8, a code for each block of
    64 in reading order, into ``nested_table`` (256 values); ``nested``: float32, a scale for each 256 of these;
    ``offset``: float32, added to each.
    """

    codes: Tensor
    absmax: Tensor
    nested: Tensor
    nested_table: Tensor
    offset: Tensor

    @property
    def scales(self) -> Tensor:
        """The largest absolute value of each block, float32."""
        wide = self.nested.repeat_interleave(NESTED_BLOCK)[: self.absmax.numel()]
        return self.nested_table[self.absmax.int()] * wide + self.offset


def quantize_nf4(weight: Tensor) -> Nf4:
    """Quantize a matrix (rows, columns); columns must be even and the whole a multiple of 64."""
    blocks = weight.reshape(-1, BLOCK).float()
    absmax = blocks.abs().amax(dim=1)
    scaled = (blocks * (1.0 / absmax.clamp(min=_TINY)).unsqueeze(1)).clamp(-1, 1)
    numbers = torch.bucketize(scaled.flatten(), _bounds(weight.device), out_int32=True).to(torch.uint8)
    codes = (numbers[::2] << 4) | numbers[1::2]
    return nested_nf4(codes.view(weight.shape[0], -1), absmax)


def nested_nf4(codes: Tensor, absmax: Tensor) -> Nf4:
    """Quantize the scales of NF4 codes too."""
    offset = absmax.mean()
    nested_codes, nested = _quantize_dynamic(absmax - offset)
    return Nf4(codes, nested_codes, nested, dynamic_table().to(codes.device), offset)


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a matrix as int8, and the largest absolute value of each row (float32)."""
    absmax = weight.abs().amax(dim=1).float()
    codes = torch.round(weight.float() * (INT8_LARGEST / absmax.clamp(min=_TINY)).unsqueeze(1)).to(torch.int8)
    return codes, absmax


def _bounds(device: Any) -> Tensor:
    values = torch.tensor(NF4_VALUES, device=device)
    return (values[:-1] + values[1:]) / 2


def _quantize_dynamic(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return codes of the dynamic 8-bit type in blocks of 256, and the largest absolute value of each block."""
    padding = -values.numel() % NESTED_BLOCK
    blocks = torch.nn.functional.pad(values, (0, padding)).view(-1, NESTED_BLOCK)
    absmax = blocks.abs().amax(dim=1)
    scaled = blocks / absmax.clamp(min=_TINY).unsqueeze(1)
    table = dynamic_table().to(values.device)
    codes = torch.bucketize(scaled.flatten(), (table[:-1] + table[1:]) / 2, out_int32=True).to(torch.uint8)
    return codes[: values.numel()], absmax


@cache
def dynamic_table() -> Tensor:
    """Return the 256 values of the signed dynamic 8-bit type (arXiv 1511.04561): a sign, an exponent, a fraction."""
    positive: list[float] = []
    for exponent in range(7):
        steps = torch.linspace(0.1, 1, 2**exponent + 1, dtype=torch.float32)
        positive += (10.0 ** (exponent - 6) * (steps[:-1] + steps[1:]) / 2.0).tolist()
    return torch.tensor(sorted([*positive, *(-value for value in positive), 0.0, 1.0]), dtype=torch.float32)
