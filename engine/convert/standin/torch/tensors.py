"""A tensor: a numpy array, the type of its elements, and whether it only stands for a shape (torch's device “meta”)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np

from engine.convert.standin.lacking import Lacking

from . import dtypes
from .dtypes import Array, bool_, computable, dtype, float32, of_numpy, storable

Scalar = bool | int | float


class Size(tuple):
    """A shape."""

    def numel(self) -> int:
        return int(np.prod(self, dtype=np.int64))


class Tensor:
    """The part of ``torch.Tensor`` that the converter uses for dense models. Views share memory as in torch."""

    def __init__(self, array: Array, kind: dtype, *, is_meta: bool = False) -> None:
        self.array = array
        self.dtype = kind
        self.is_meta = is_meta

    @classmethod
    def meta(cls, shape: Sequence[int], kind: dtype) -> Tensor:
        """Return a tensor of a shape without memory behind it."""
        return cls(np.broadcast_to(np.zeros((), kind.stored), tuple(shape)), kind, is_meta=True)

    def __getattr__(self, name: str) -> Any:
        raise Lacking(f"torch.Tensor.{name}")

    def __repr__(self) -> str:
        return f"tensor({self.tolist() if not self.is_meta else '…'}, shape={tuple(self.shape)}, dtype={self.dtype})"

    # -- what it is

    @property
    def shape(self) -> Size:
        return Size(self.array.shape)

    def size(self, dim: int | None = None) -> Any:
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self) -> int:
        return self.array.ndim

    def dim(self) -> int:
        return self.array.ndim

    def numel(self) -> int:
        return self.array.size

    def __len__(self) -> int:
        return len(self.array)

    # -- the same elements in another shape

    def _with(self, array: Array) -> Tensor:
        return Tensor.meta(array.shape, self.dtype) if self.is_meta else Tensor(array, self.dtype)

    def reshape(self, *shape: Any) -> Tensor:
        return self._with(self.array.reshape(_sizes(shape)))

    def view(self, *shape: Any) -> Tensor:
        if isinstance(shape[0], dtype):
            kind = shape[0]
            return Tensor(self.array.view(kind.stored), kind, is_meta=self.is_meta)
        return self.reshape(*shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        return self.reshape(other.shape)

    def flatten(self) -> Tensor:
        return self.reshape(-1)

    def swapaxes(self, first: int, second: int) -> Tensor:
        return self._with(self.array.swapaxes(first, second))

    transpose = swapaxes

    def permute(self, *order: Any) -> Tensor:
        return self._with(self.array.transpose(_sizes(order)))

    @property
    def T(self) -> Tensor:
        return self._with(self.array.T)

    def t(self) -> Tensor:
        return self.T

    def unsqueeze(self, dim: int) -> Tensor:
        return self._with(np.expand_dims(self.array, dim))

    def squeeze(self, dim: int | None = None) -> Tensor:
        if dim is not None and self.shape[dim] != 1:
            return self
        return self._with(self.array.squeeze(dim))

    def expand(self, *sizes: Any) -> Tensor:
        """Repeat dimensions of one element without copying; -1 keeps a dimension."""
        asked = _sizes(sizes)
        own = (1,) * (len(asked) - self.ndim) + tuple(self.shape)
        return self._with(
            np.broadcast_to(self.array, [old if new == -1 else new for new, old in zip(asked, own, strict=True)])
        )

    def repeat_interleave(self, repeats: int, dim: int) -> Tensor:
        if self.is_meta:
            shape = list(self.shape)
            shape[dim] *= repeats
            return Tensor.meta(shape, self.dtype)
        return self._with(np.repeat(self.array, repeats, dim))

    def contiguous(self) -> Tensor:
        return self if self.is_meta else self._with(np.ascontiguousarray(self.array).reshape(self.shape))

    def clone(self) -> Tensor:
        return self if self.is_meta else self._with(self.array.copy())

    def cpu(self) -> Tensor:
        return self

    def __getitem__(self, index: Any) -> Tensor:
        return self._with(np.asarray(self.array[_index(index)]))

    def __setitem__(self, index: Any, values: Tensor) -> None:
        if not self.is_meta and not np.shares_memory(self.array, values.array):
            self.array[_index(index)] = values.to(self.dtype).array

    def __iter__(self) -> Iterator[Tensor]:
        return (self[position] for position in range(len(self)))

    def split(self, size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
        length = self.shape[dim]
        sizes = [size] * (length // size) + [length % size] * bool(length % size) if isinstance(size, int) else size
        if sum(sizes) != length:
            raise ValueError(f"split {sizes} does not add up to {length}")
        parts = np.split(self.array, np.cumsum(sizes)[:-1], axis=dim)
        return tuple(self._with(part) for part in parts)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        return self.split(-(-self.shape[dim] // chunks), dim)

    # -- the same elements in another type

    def to(self, kind: Any) -> Tensor:
        if isinstance(kind, str):
            if kind == "cpu":
                return self
            raise Lacking(f"torch.Tensor.to({kind!r})")
        if kind is self.dtype:
            return self
        if self.is_meta:
            return Tensor.meta(self.shape, kind)
        return Tensor(storable(computable(self.array, self.dtype), kind), kind)

    def float(self) -> Tensor:
        return self.to(float32)

    def numpy(self) -> Array:
        if self.dtype.stored != self.dtype.computed and self.dtype is not dtypes.float16:
            raise TypeError(f"numpy has no {self.dtype}")
        return self.array

    def tolist(self) -> Any:
        return computable(self.array, self.dtype).tolist()

    def item(self) -> Scalar:
        return cast("Scalar", computable(self.array, self.dtype).item())

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> Any:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    # -- arithmetic

    def _combine(
        self, other: Any, operation: Callable[..., Array], result: dtype | None = None, *, stored_scalar: bool = False
    ) -> Any:
        """Compute an operation of two operands, element by element, in the type that torch would do it in.

        A number beside a half-precision tensor is first rounded to half precision if ``stored_scalar``: torch does so
        when it adds, and not when it multiplies (aten/src/ATen/native/cpu/BinaryOpsKernel.cpp, torch 2.13).
        """
        if hasattr(type(other), "__torch_function__"):
            return NotImplemented
        if isinstance(other, Tensor) and other.dtype is not self.dtype:
            return _together(self, other, operation, result)
        if not self.dtype.is_floating_point and isinstance(other, float):
            return self.to(float32)._combine(other, operation, result)
        kind = result or self.dtype
        right = other.array if isinstance(other, Tensor) else np.zeros(())
        if self.is_meta or (isinstance(other, Tensor) and other.is_meta):
            return Tensor.meta(np.broadcast_shapes(self.shape, right.shape), kind)
        if isinstance(other, Tensor):
            right = computable(other.array, other.dtype)
        else:
            right = self.dtype.computed.type(other)
            right = computable(storable(np.asarray(right), self.dtype), self.dtype) if stored_scalar else right
        with np.errstate(all="ignore"):
            return Tensor(storable(np.asarray(operation(computable(self.array, self.dtype), right)), kind), kind)

    def __add__(self, other: Any) -> Any:
        return self._combine(other, np.add, stored_scalar=True)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._combine(other, np.subtract, stored_scalar=True)

    def __rsub__(self, other: Any) -> Any:
        return self._combine(other, lambda left, right: right - left, stored_scalar=True)

    def __mul__(self, other: Any) -> Any:
        return self._combine(other, np.multiply)

    __rmul__ = __mul__

    def __imul__(self, other: Any) -> Any:
        return self._become(self * other)

    def __iadd__(self, other: Any) -> Any:
        return self._become(self + other)

    def _become(self, other: Tensor) -> Tensor:
        if not self.is_meta:
            self.array[...] = other.array
        return self

    def __truediv__(self, other: Any) -> Any:
        operand = self if self.dtype.is_floating_point else self.to(float32)
        return operand._combine(other, np.divide)

    def __rtruediv__(self, other: Any) -> Any:
        # torch/_tensor.py: reciprocal() * other, which rounds twice.
        return self.reciprocal() * other

    def __pow__(self, exponent: Any) -> Any:
        return self._combine(exponent, _power)

    def __rpow__(self, base: Any) -> Any:
        return self._combine(base, lambda exponent, base: _power(base, exponent))

    # -- bits of whole numbers

    def __and__(self, other: Any) -> Any:
        return self._combine(other, np.bitwise_and)

    def __or__(self, other: Any) -> Any:
        return self._combine(other, np.bitwise_or)

    def __lshift__(self, other: Any) -> Any:
        return self._combine(other, np.left_shift)

    def __rshift__(self, other: Any) -> Any:
        return self._combine(other, np.right_shift)

    def __neg__(self) -> Tensor:
        return self.map(np.negative)

    def reciprocal(self) -> Tensor:
        return self.map(lambda values: values.dtype.type(1) / values)

    def map(self, operation: Callable[[Array], Array]) -> Tensor:
        """Compute something of each element, in the type that torch computes it in."""
        if self.is_meta:
            return self
        with np.errstate(all="ignore"):
            computed = operation(computable(self.array, self.dtype))
            return Tensor(storable(np.asarray(computed, self.dtype.computed), self.dtype), self.dtype)

    # -- comparison

    def __eq__(self, other: object) -> Any:
        return self._combine(other, np.equal, bool_)

    def __ne__(self, other: object) -> Any:
        return self._combine(other, np.not_equal, bool_)

    def __lt__(self, other: Any) -> Any:
        return self._combine(other, np.less, bool_)

    def __le__(self, other: Any) -> Any:
        return self._combine(other, np.less_equal, bool_)

    def __gt__(self, other: Any) -> Any:
        return self._combine(other, np.greater, bool_)

    def __ge__(self, other: Any) -> Any:
        return self._combine(other, np.greater_equal, bool_)

    __hash__ = object.__hash__


def _together(left: Tensor, right: Tensor, operation: Callable[..., Array], result: dtype | None) -> Any:
    """Compute an operation of two types: whole numbers become the fractions beside them, as in torch."""
    kinds = {left.dtype, right.dtype}
    fractions = [kind for kind in kinds if kind.is_floating_point]
    if len(fractions) != 1:
        raise Lacking(f"torch arithmetic between {left.dtype} and {right.dtype}")
    return left.to(fractions[0])._combine(right.to(fractions[0]), operation, result)


def from_numpy(array: Array) -> Tensor:
    """Return a tensor that shares an array's memory."""
    return Tensor(np.asarray(array), of_numpy(array))


def _power(base: Any, exponent: Any) -> Array:
    """Raise to a power with one rounding.

    torch's vector kernels (SLEEF) may be off by one in the last bit; with a base of 500000, as in Llama 3, and 64 or
    128 dimensions they are not.
    """
    kind = np.result_type(base, exponent)
    return np.power(base, exponent, dtype=np.float64).astype(kind) if kind.kind == "f" else np.power(base, exponent)


def _sizes(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    """Return sizes that were given one by one or as one sequence."""
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


def _index(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(_index(part) for part in index)
    return computable(index.array, index.dtype) if isinstance(index, Tensor) else index
