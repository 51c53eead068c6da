"""Linear layers as the kernels take them: the structures of ``numbers.cu``, as bytes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.cuda.driver import Program
from engine.runtime.backends.hf.packed import Grouped4Linear, Int8Linear, Nf4Linear

Tensor = Any

TILE_ROWS = 16  # of four-bit weights, on tensor cores
_WIDENING_THREADS = 256


class Kind(IntEnum):
    """How weights are stored: the names in ``numbers.cu``."""

    BF16 = 0
    F16 = 1
    INT8 = 2
    NF4 = 3
    INT4 = 4

    @property
    def wide(self) -> int:
        """Weights in 16 bytes."""
        return {Kind.INT8: 16, Kind.NF4: 32, Kind.INT4: 32}.get(self, 8)

    @property
    def table_words(self) -> int:
        """Four-byte words of shared memory that the tables take."""
        return (256 * 32 if self >= Kind.NF4 else 0) + (256 if self is Kind.NF4 else 0)


class Unfit(Exception):
    """Say why the kernels cannot compute a layer."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A linear layer for the kernels. ``held`` keeps the tensors alive whose addresses are in ``packed``."""

    kind: Kind
    rows: int
    columns: int
    group: int
    packed: bytes
    order: Tensor | None
    table: Tensor | None
    held: tuple[Tensor, ...]

    @property
    def tiles(self) -> int:
        return -(-self.rows // TILE_ROWS)

    @property
    def scales_bytes(self) -> int:
        """Shared memory for the scales of a tile, and for what goes with them: ``Scales`` in ``four_bits.cu``."""
        each = -(-self.columns // (64 if self.kind is Kind.NF4 else self.group))
        if self.kind is Kind.NF4:
            return whole(TILE_ROWS * each) + whole((each // 16 + 2) * 4)
        return whole(TILE_ROWS * each * 2) + whole(TILE_ROWS * each)


def kind_of(layer: Any) -> Kind:
    """Return how a layer is stored. Raises :class:`Unfit`."""
    for known, kind in ((Nf4Linear, Kind.NF4), (Grouped4Linear, Kind.INT4), (Int8Linear, Kind.INT8)):
        if isinstance(layer, known):
            return kind
    kinds = {torch.bfloat16: Kind.BF16, torch.float16: Kind.F16}
    if not isinstance(layer, nn.Linear) or layer.weight.dtype not in kinds:
        raise Unfit(f"no kernel for {type(layer).__name__}")
    return kinds[layer.weight.dtype]


def matrix_of(layer: Any) -> Matrix:
    """Describe a layer. Raises :class:`Unfit`."""
    kind, rows, columns = kind_of(layer), layer.out_features, layer.in_features
    whole = 64 if kind is Kind.NF4 else kind.wide
    group = layer.group if kind is Kind.INT4 else 0
    if columns % whole or group % 32:
        raise Unfit(f"rows of {columns} weights in groups of {group or whole}")
    bias = None if layer.bias is None else layer.bias.detach().float().contiguous()
    codes = layer.weight.data if kind <= Kind.F16 else layer.codes
    scales, more, nested, offset = None, None, None, 0.0
    if kind is Kind.INT8:
        scales = layer.scales
    elif kind is Kind.NF4:
        scales, more, nested, offset = layer.absmax, layer.nested, layer.nested_table, float(layer.offset)
    elif kind is Kind.INT4:
        scales, more = layer.scales, layer.zeros
    tensors = [codes, scales, more, bias, nested]
    if any(tensor is not None and not tensor.is_contiguous() for tensor in tensors):
        raise Unfit("tensors in pieces")
    packed = struct.pack("<5Qf3i", *map(address, tensors), offset, group, rows, _shift(group, columns))
    order = None if kind <= Kind.F16 or layer.order is None else layer.order.to(torch.int32)
    table = layer.table if kind >= Kind.NF4 else None
    return Matrix(kind, rows, columns, group, packed, order, table, tuple(t for t in tensors if t is not None))


def whole(count: int) -> int:
    """Return so many bytes in whole pieces of 16."""
    return -(-count // 16) * 16


def _shift(group: int, columns: int) -> int:
    """Return the pieces of 32 columns in a group, as a power of two. Raises :class:`Unfit`."""
    pieces = group // 32
    if group == columns:
        return max(pieces - 1, 0).bit_length()
    if pieces & (pieces - 1):
        raise Unfit(f"groups of {group} weights")
    return max(pieces.bit_length() - 1, 0)


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def widen(program: Program, matrix: Matrix, kind: Any) -> Tensor:
    """Return a four-bit matrix as 16-bit numbers, for a prompt."""
    wide = torch.empty((matrix.rows, matrix.columns), dtype=kind, device=matrix.held[0].device)
    argument = matrix.packed + struct.pack(
        "<2Q2i", address(matrix.table), address(wide), matrix.columns, int(kind == torch.float16)
    )
    blocks = -(-matrix.rows * matrix.columns // (32 * _WIDENING_THREADS))
    program.launch("widen", blocks, _WIDENING_THREADS, argument, waits=False)()
    return wide
