"""Launches of products: a matrix (or several, stacked) times a vector, with what stands around it."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

from engine.runtime.backends.hf.cuda.driver import Launch, Program
from engine.runtime.backends.hf.cuda.matrix import Kind, Matrix, Unfit, address

Tensor = Any

_THREADS, _WARPS = 256, 8
_BLOCKS_A_PROCESSOR = 1.5  # below that, processors have nothing to do for much of the time
_NO_MATRIX = bytes(56)
_PIECE_COLUMNS, _PIECE_BYTES = 32, 128 + 8  # of the vector, see ``four_bits.cu``
_TEAMS = (4, 8, 16)  # warps that share a tile: the fewer, the less they have to join; but
_BUSY_WARPS = 0.75  # of them shall be busy
_RING_BYTES, _SPARE_BYTES, _STATIC_BYTES = 4096, 256, 128  # see ``four_bits.cu``; the ring is that of a warp


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a product is launched."""

    function: str
    blocks: int
    threads: int
    shared_bytes: int


@dataclass(frozen=True, slots=True)
class Product:
    """Matrices times a vector; ``source`` and ``target`` are float32.

    ``mode``: store the result, add it to what is there, or the gated product of two matrices.
    """

    mode: str
    matrices: Sequence[Matrix]
    source: Tensor
    target: Tensor
    norm: Any = None

    @property
    def first(self) -> Matrix:
        return self.matrices[0]

    @property
    def kind(self) -> Kind:
        return self.first.kind

    @property
    def rows(self) -> int:
        """Rows of all matrices; of the gate alone for the gated product."""
        return self.first.rows if self.mode == "gated" else sum(matrix.rows for matrix in self.matrices)

    @property
    def units(self) -> int:
        return self.first.tiles if self.mode == "gated" else sum(matrix.tiles for matrix in self.matrices)

    def packed(self, gain: Tensor | None) -> bytes:
        """Return the structure. Raises :class:`Unfit` if the matrices do not go together."""
        for other in self.matrices[1:]:
            orders = (self.first.order, other.order)
            same = orders == (None, None) or (None not in orders and torch.equal(*orders))
            if other.kind is not self.kind or other.columns != self.first.columns or not same:
                raise Unfit("neighbouring layers that are stored in different ways")
        epsilon = 0.0 if self.norm is None else float(self.norm.variance_epsilon)
        pointers = (self.source, gain, self.first.order, self.target, self.first.table)
        numbers = (self.first.columns, self.rows, epsilon)
        matrices = b"".join(matrix.packed for matrix in self.matrices) + _NO_MATRIX * (3 - len(self.matrices))
        return matrices + struct.pack("<5Q2if4x", *map(address, pointers), *numbers)


def launch(program: Program, product: Product) -> Launch:
    """Return what computes a product of the program's kind. Raises :class:`Unfit`."""
    gain = _gain(product)
    packed = product.packed(gain)
    shape = _on_tensor_cores(program, product) or _in_float32(program, product)
    found = program.launch(shape.function, shape.blocks, shape.threads, packed, shared_bytes=shape.shared_bytes)
    found.argument.held = (gain, product)  # a ctypes buffer lives as long as its launch, and what it points to with it
    return found


def _on_tensor_cores(program: Program, product: Product) -> _Shape | None:
    """Return a block for each processor; ``None`` where these kernels do not do."""
    first, warps = product.first, program.block_warps
    if first.kind < Kind.NF4 or not program.tensor_cores:
        return None
    if (product.mode == "add") is not (product.norm is None):  # the kernels take the norm for granted, or none
        return None
    nested_bytes = 4 * 256 if first.kind is Kind.NF4 else 0
    fixed_bytes = nested_bytes + _SPARE_BYTES + warps * (2 * 32 * 4 + _RING_BYTES) + _STATIC_BYTES
    for name, team, tiles in _ways(program, product):
        pieces = -(-first.columns // (_PIECE_COLUMNS * 4 * team)) * 4 * team  # in whole steps
        shared_bytes = fixed_bytes + pieces * _PIECE_BYTES + first.scales_bytes * 2 * tiles * warps // team
        if shared_bytes <= program.shared_bytes:
            units = product.units // (tiles if name == "add2" else 1)
            return _Shape(f"four_bits_{name}_{team}", min(units, program.processors), 32 * warps, shared_bytes)
    return None


def _ways(program: Program, product: Product) -> Iterator[tuple[str, int, int]]:
    """Yield the kernels for a product, best first: name, warps of a team, tiles of a unit."""
    warps, busy = program.block_warps, -(-product.units // program.processors)  # teams of a processor at once
    pairs = len(product.matrices) == 1 and product.first.tiles % 2 == 0
    if product.mode == "add" and pairs and busy == 2 and warps == _TEAMS[-1]:
        yield "add2", warps, 2
    tiles = 2 if product.mode == "gated" else 1
    for team in _TEAMS:
        if warps >= team >= _BUSY_WARPS * warps / busy:
            yield product.mode, team, tiles


def _in_float32(program: Program, product: Product) -> _Shape:
    """Return as many blocks as there is room for."""
    first = product.first
    pieces = first.columns // first.kind.wide
    shared_bytes = 4 * (first.kind.table_words + pieces * (first.kind.wide + 4))
    function, needed = _function(product.mode, product.rows, program.processors)
    most = program.resident_blocks(function, _THREADS, shared_bytes)
    return _Shape(function, min(needed, most), _THREADS, shared_bytes)


def _function(name: str, rows: int, processors: int) -> tuple[str, int]:
    """Return the kernel for so many rows, and how many blocks they make: enough for all of the GPU, else the most."""
    choices = (4, 2) if name == "gated" else (4, 2, 1)
    for at_once in choices:
        needed = -(-rows // ((at_once // 2 if name == "gated" else at_once) * _WARPS))
        if needed >= _BLOCKS_A_PROCESSOR * processors or at_once == choices[-1]:
            return f"product_{name}_{at_once}", needed
    raise AssertionError


def _gain(product: Product) -> Tensor | None:
    """Return the weights of the RMS norm before a product as float32, in the order of its columns."""
    if product.norm is None:
        return None
    gain, order = product.norm.weight.detach().float(), product.first.order
    return (gain if order is None else gain[order.long()]).contiguous()
