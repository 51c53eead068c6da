"""Linear layers as the kernels take them: the structures of ``kernels.cu``, as bytes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.cuda.driver import Launch, Program
from engine.runtime.backends.hf.packed import Grouped4Linear, Int8Linear, Nf4Linear

Tensor = Any

_THREADS, _WARPS = 256, 8
_BLOCKS_A_PROCESSOR = 1.5  # below that, processors have nothing to do for much of the time
_NO_MATRIX = bytes(56)


class Kind(IntEnum):
    """How weights are stored: the names in ``kernels.cu``."""

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
    packed: bytes
    order: Tensor | None
    table: Tensor | None
    held: tuple[Tensor, ...]


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
    packed = struct.pack("<5Qf3i", *map(address, tensors), offset, group, rows, 0)
    order = None if kind <= Kind.F16 or layer.order is None else layer.order.to(torch.int32)
    table = layer.table if kind >= Kind.NF4 else None
    return Matrix(kind, rows, columns, packed, order, table, tuple(t for t in tensors if t is not None))


def address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def product(
    program: Program, name: str, matrices: Sequence[Matrix], source: Tensor, target: Tensor, norm: Any = None
) -> Launch:
    """Return the launch that multiplies matrices with a vector; ``name``: store, add or gated.

    ``source`` and ``target`` are float32. Raises :class:`Unfit` if the matrices do not go together.
    """
    first = matrices[0]
    for other in matrices[1:]:
        orders = (first.order, other.order)
        same = orders == (None, None) or (None not in orders and torch.equal(*orders))
        if other.kind is not first.kind or other.columns != first.columns or not same:
            raise Unfit("neighbouring layers that are stored in different ways")
    rows = first.rows if name == "gated" else sum(matrix.rows for matrix in matrices)
    gain, epsilon = _gain(norm)
    packed = b"".join(matrix.packed for matrix in matrices) + _NO_MATRIX * (3 - len(matrices))
    pointers = (source, gain, first.order, target, first.table)
    argument = packed + struct.pack("<5Q2ifi", *map(address, pointers), first.columns, rows, epsilon, 0)
    pieces = first.columns // first.kind.wide
    shared_bytes = 4 * (first.kind.table_words + pieces * (first.kind.wide + 4))
    function, needed = _function(name, rows, program.processors)
    most = program.resident_blocks(function, _THREADS, shared_bytes)
    launch = program.launch(function, min(needed, most), _THREADS, argument, shared_bytes=shared_bytes)
    _hold(launch, (gain, first.order, *matrices))
    return launch


def _function(name: str, rows: int, processors: int) -> tuple[str, int]:
    """Return the kernel for so many rows, and how many blocks they make: enough for all of the GPU, else the most."""
    choices = (4, 2) if name == "gated" else (4, 2, 1)
    for at_once in choices:
        needed = -(-rows // ((at_once // 2 if name == "gated" else at_once) * _WARPS))
        if needed >= _BLOCKS_A_PROCESSOR * processors or at_once == choices[-1]:
            return f"product_{name}_{at_once}", needed
    raise AssertionError


def _gain(norm: Any) -> tuple[Tensor | None, float]:
    """Return the weights of an RMS norm as float32, and what keeps it from dividing by zero."""
    return (None, 0.0) if norm is None else (norm.weight.detach().float().contiguous(), float(norm.variance_epsilon))


def _hold(launch: Launch, tensors: tuple[Any, ...]) -> None:
    launch.argument.held = tensors  # a ctypes buffer lives as long as its launch, and what it points to with it


def widen(program: Program, matrix: Matrix, kind: Any) -> Tensor:
    """Return a four-bit matrix as 16-bit numbers, for a prompt."""
    wide = torch.empty((matrix.rows, matrix.columns), dtype=kind, device=matrix.held[0].device)
    argument = matrix.packed + struct.pack(
        "<2Q2i", address(matrix.table), address(wide), matrix.columns, int(kind == torch.float16)
    )
    blocks = -(-matrix.rows * matrix.columns // (32 * _THREADS))
    program.launch("widen", blocks, _THREADS, argument, waits=False)()
    return wide
