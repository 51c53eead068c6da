"""Where the rows of a tensor come from: a file that stores them as they are wanted, or the converter's arithmetic.

Rows that lie on the disk are read a slab at a time and never held whole, which is what keeps a conversion small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.convert.methods.header import Entry, Header
from engine.convert.methods.kernels import Bytes, row_bytes
from engine.errors import DamagedFile

Rows = Callable[[int, int], Bytes]


@dataclass(frozen=True, slots=True)
class Weight:
    """A tensor to come: ``load`` returns what gives rows ``first`` to ``last`` as stored. ``held_bytes`` stay until
    the last of them is done; 0 where they are read from a file.
    """

    entry: Entry
    load: Callable[[], Rows]
    held_bytes: int


def of_file(file: Path, header: Header) -> Iterator[Weight]:
    """Yield the tensors of a GGUF file."""
    for entry in header.tensors:
        yield Weight(entry, lambda entry=entry: stored_rows(file, entry, entry.offset), 0)


def of_converter(tensors: Sequence[tuple[str, Any]], header: Header) -> Iterator[Weight]:
    """Yield what the converter would write, in its own order; each is let go of once it was taken.

    ``tensors`` are names and gguf's ``TensorInfo``.
    """
    entries = {entry.name: entry for entry in header.tensors}
    for name, info in tensors:
        entry, lazy = entries[name], info.tensor
        info.tensor = None
        place = _on_disk(lazy, entry)
        if place is not None:
            yield Weight(entry, lambda entry=entry, place=place: stored_rows(*_at(place, entry)), 0)
        else:
            yield Weight(entry, lambda entry=entry, lazy=lazy: _computed(lazy, entry), entry.bytes)


def stored_rows(file: Path, entry: Entry, offset: int) -> Rows:
    """Return a reader of rows that lie one behind the other from ``offset``."""
    size = row_bytes(entry.type, entry.width)

    def rows(first: int, last: int) -> Bytes:
        data = np.fromfile(file, np.uint8, (last - first) * size, offset=offset + first * size)
        if data.size != (last - first) * size:
            raise DamagedFile(str(file), f"all of {entry.name}", "its end cut off")
        return data

    return rows


def _computed(lazy: Any, entry: Entry) -> Rows:
    """Let the converter compute a tensor whole, as it would to write it."""
    from gguf import LazyChunkedTensor, LazyNumpyTensor  # type: ignore[attr-defined]

    if isinstance(lazy, LazyChunkedTensor):
        return _chunked(lazy, entry)
    data = np.ascontiguousarray(LazyNumpyTensor.to_eager(lazy))
    stored = data.reshape(-1).view(np.uint8) if data.size else np.empty(0, np.uint8)
    size = row_bytes(entry.type, entry.width)
    return lambda first, last: stored[first * size : last * size]


def _chunked(lazy: Any, entry: Entry) -> Rows:
    """Write a tensor that the converter only gives in chunks to a file without a name, and read it from there."""
    import tempfile

    file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as its rows are asked for)
    lazy.tofile(file)
    size = row_bytes(entry.type, entry.width)

    def rows(first: int, last: int) -> Bytes:
        return np.frombuffer(_pread(file, (last - first) * size, first * size), np.uint8)

    return rows


def _pread(file: Any, count: int, offset: int) -> bytes:
    import os

    return os.pread(file.fileno(), count, offset)


def _on_disk(lazy: Any, entry: Entry) -> Any:
    """Return where a tensor lies if it is stored just as it is wanted: the converter would widen it and round it back.

    That is so where nothing but a change of type stands between the safetensors file and the result (see
    ``mark_casts``), and where both have the same type and shape.
    """
    from gguf.utility import LocalTensor  # type: ignore[import-not-found]

    numpy_tensor = _parent(lazy)
    torch_tensor = _parent(numpy_tensor)
    torch_tensor = getattr(torch_tensor, "cast_of", torch_tensor) if _is_lazy(torch_tensor) else None
    place = _parent(torch_tensor)
    if not isinstance(place, LocalTensor) or getattr(numpy_tensor, "dtype", None) is None:
        return None
    same = place.dtype == entry.type and tuple(reversed(place.shape)) == entry.shape
    return place if same and place.data_range.size == entry.bytes else None


def _at(place: Any, entry: Entry) -> tuple[Path, Entry, int]:
    return Path(place.data_range.filename), entry, place.data_range.offset


def _is_lazy(thing: Any) -> bool:
    from gguf import LazyBase  # type: ignore[attr-defined]

    return isinstance(thing, LazyBase)


def _parent(lazy: Any) -> Any:
    """Return the first operand of what is not computed yet."""
    return lazy._args[0] if _is_lazy(lazy) and lazy._data is None and lazy._args else None


def mark_casts() -> None:
    """Let the converter's lazy tensors remember what they are a mere change of type of."""
    from conversion.base import LazyTorchTensor  # type: ignore[import-not-found]

    def to(self: Any, *arguments: Any, **options: Any) -> Any:
        made = type(self)._wrap_fn(lambda tensor, *a, **o: tensor.to(*a, **o), use_self=self)(*arguments, **options)
        made.cast_of = self
        return made

    LazyTorchTensor.to = to
