"""The functions of torch that the converter calls. Each asks its arguments first whether they do it themselves.

That is torch's ``__torch_function__`` protocol, which the converter's lazy tensors use.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from engine.convert.standin.lacking import Lacking

from .dtypes import dtype, float32, int64, of_numpy, storable
from .tensors import Scalar, Tensor


def overridable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Hand a call over to the first argument that has a ``__torch_function__``."""

    @functools.wraps(function)
    def dispatch(*args: Any, **kwargs: Any) -> Any:
        for argument in _flat(args):
            if hasattr(type(argument), "__torch_function__"):
                kind = type(argument)
                return kind.__torch_function__(dispatch, (kind,), args, kwargs)
        return function(*args, **kwargs)

    return dispatch


def _flat(arguments: Sequence[Any]) -> Iterator[Any]:
    for argument in arguments:
        if isinstance(argument, (list, tuple)):
            yield from _flat(argument)
        else:
            yield argument


@overridable
def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a new dimension."""
    return cat([tensor.unsqueeze(dim) for tensor in tensors], dim)


@overridable
def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Join tensors along a dimension."""
    kinds = {tensor.dtype for tensor in tensors}
    if len(kinds) != 1:
        raise Lacking(f"torch.cat of {', '.join(sorted(map(str, kinds)))}")
    kind = kinds.pop()
    if all(tensor.is_meta for tensor in tensors):
        shape = list(tensors[0].shape)
        shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
        return Tensor.meta(shape, kind)
    return Tensor(np.concatenate([tensor.array for tensor in tensors], axis=dim), kind)


concat = cat


@overridable
def split(tensor: Tensor, size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    return tensor.split(size, dim)


@overridable
def reshape(tensor: Tensor, shape: Sequence[int]) -> Tensor:
    return tensor.reshape(shape)


@overridable
def exp(tensor: Tensor) -> Tensor:
    """Raise e to each element, with one rounding.

    torch's vector kernels differ in the last bit of 1 % of the numbers: the tensor ``ssm_a`` of Mamba models shows it.
    """
    return tensor.map(lambda values: np.exp(values, dtype=np.float64))


@overridable
def sqrt(tensor: Tensor) -> Tensor:
    return tensor.map(np.sqrt)


@overridable
def bitwise_and(tensor: Tensor, other: Any) -> Any:
    return tensor & other


@overridable
def bitwise_right_shift(tensor: Tensor, other: Any) -> Any:
    return tensor >> other


@overridable
def zeros_like(tensor: Tensor) -> Tensor:
    return empty(tensor.shape, dtype=tensor.dtype, device="meta" if tensor.is_meta else "cpu")


@overridable
def squeeze(tensor: Tensor, dim: int | None = None) -> Tensor:
    return tensor.squeeze(dim)


@overridable
def transpose(tensor: Tensor, first: int, second: int) -> Tensor:
    return tensor.transpose(first, second)


@overridable
def any_(tensor: Tensor) -> Tensor:
    return Tensor(np.asarray(tensor.array.any()), of_numpy(np.zeros((), bool)))


@overridable
def all_(tensor: Tensor) -> Tensor:
    return Tensor(np.asarray(tensor.array.all()), of_numpy(np.zeros((), bool)))


@overridable
def equal(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and bool(np.array_equal(first.array, second.array))


def tensor(data: Any, dtype: dtype | None = None) -> Tensor:
    """Make a tensor of numbers; of floating-point ones a float32 tensor, as torch does by default."""
    values = np.asarray(_plain(data))
    if dtype is None:
        dtype = float32 if values.dtype.kind == "f" else of_numpy(values)
    return Tensor(storable(values.astype(dtype.computed), dtype), dtype)


def _plain(data: Any) -> Any:
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data.item() if isinstance(data, Tensor) else data


def arange(start: Scalar, end: Scalar | None = None, step: Scalar = 1, dtype: dtype | None = None) -> Tensor:
    """Return evenly spaced numbers. Only whole numbers: for others torch rounds in its own way."""
    if end is None:
        start, end = 0, start
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(step, int)):
        raise Lacking("torch.arange of fractions")
    dtype = dtype or int64
    return Tensor(storable(np.arange(start, end, step).astype(dtype.computed), dtype), dtype)


def empty(*size: Any, dtype: dtype = float32, device: str = "cpu", **sizes: Any) -> Tensor:
    """Return a tensor of a shape; on the device “meta” without memory."""
    shape = sizes.get("size", size[0] if len(size) == 1 and not isinstance(size[0], int) else size)
    if device == "meta":
        return Tensor.meta(shape, dtype)
    return Tensor(np.zeros(tuple(shape), dtype.stored), dtype)


zeros = empty


def ones(*size: Any, dtype: dtype = float32) -> Tensor:
    """Return a tensor of ones."""
    return empty(*size, dtype=dtype) + 1


@contextlib.contextmanager
def inference_mode() -> Iterator[None]:
    """Do nothing: there are no gradients here."""
    yield
