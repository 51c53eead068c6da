"""The element types, and how each is kept in numpy, which knows no bfloat16: as its bits in unsigned integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.convert.standin.lacking import Lacking

Array = NDArray


class dtype:  # noqa: N801 (torch's name)
    """An element type. ``stored`` is the numpy type that holds it, ``computed`` the one that arithmetic is done in."""

    def __init__(self, name: str, stored: type, computed: type | None = None) -> None:
        self.name = name
        self.stored = np.dtype(stored)
        self.computed = np.dtype(computed or stored)

    @property
    def itemsize(self) -> int:
        return self.stored.itemsize

    @property
    def is_floating_point(self) -> bool:
        return self.computed.kind == "f"

    def __repr__(self) -> str:
        return f"torch.{self.name}"


float64 = dtype("float64", np.float64)
float32 = dtype("float32", np.float32)
# torch computes both half types in float32 and rounds the result (aten/src/ATen/OpMathType.h).
float16 = dtype("float16", np.float16, np.float32)
bfloat16 = dtype("bfloat16", np.uint16, np.float32)
int64 = dtype("int64", np.int64)
int32 = dtype("int32", np.int32)
int16 = dtype("int16", np.int16)
int8 = dtype("int8", np.int8)
uint8 = dtype("uint8", np.uint8)
bool_ = dtype("bool", np.bool_)
float8_e4m3fn = dtype("float8_e4m3fn", np.uint8, np.float32)  # read only
# Known by name only, because the converter lists them.
float8_e5m2 = dtype("float8_e5m2", np.uint8, np.void)
float8_e8m0fnu = dtype("float8_e8m0fnu", np.uint8, np.void)


def _e4m3_values() -> Array:
    """Return what each byte stands for: a sign, 4 bits of exponent (bias 7), 3 of fraction; no infinity, NaN at 0x7F.

    Source: OCP 8-bit floating point specification 1.0, table 1.
    """
    codes = np.arange(256)
    exponents, fractions = (codes >> 3) & 15, codes & 7
    values = np.where(exponents, np.ldexp(1 + fractions / 8, exponents - 7), np.ldexp(fractions / 8, -6))
    values = np.where((codes & 0x7F) == 0x7F, np.nan, values)
    return np.copysign(values, np.where(codes & 0x80, -1.0, 1.0)).astype(np.float32)


_E4M3 = _e4m3_values()
_OF_NUMPY = {kind.stored: kind for kind in (float64, float32, float16, int64, int32, int16, int8, uint8, bool_)}


def of_numpy(array: Array) -> dtype:
    """Return the type of a numpy array's elements."""
    kind = _OF_NUMPY.get(array.dtype.newbyteorder("="))
    if kind is None:
        raise Lacking(f"torch tensors of numpy's {array.dtype}")
    return kind


def computable(array: Array, kind: dtype) -> Array:
    """Return stored elements in the type that arithmetic is done in."""
    if kind.computed.kind == "V":
        raise Lacking(f"arithmetic in {kind}")
    if kind is float8_e4m3fn:
        return _E4M3[array]
    if kind is bfloat16:
        bits = array.astype(np.uint32)
        return np.left_shift(bits, 16, out=bits).view(np.float32)
    return array.astype(kind.computed, copy=False)


def storable(array: Array, kind: dtype) -> Array:
    """Return computed elements as they are stored, rounded to nearest, ties to even."""
    if kind.computed.kind == "V" or kind is float8_e4m3fn:
        raise Lacking(f"rounding to {kind}")
    if kind is not bfloat16:
        with np.errstate(over="ignore"):  # beyond 65504: infinity, as in torch
            return array.astype(kind.stored, copy=False)
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32).reshape(array.shape)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), np.uint16(0x7FC0), rounded.astype(np.uint16))
