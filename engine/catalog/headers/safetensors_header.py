"""Reads the header of a safetensors file: names, types and shapes. No weight is read.

Source of the layout: the safetensors format (README of huggingface/safetensors): eight bytes of length, then JSON, then
the data. The limit of 100 MB is the format's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import Any

from engine.catalog.headers.source import Source
from engine.errors import DamagedFile

HEADER_LIMIT_BYTES = 100_000_000
TENSOR_LIMIT = 1 << 20
DIMENSIONS = 8
BITS: dict[str, int] = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor of a safetensors file. ``shape`` is in the order of PyTorch: the row length last."""

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int


def read_safetensors_header(source: Source) -> tuple[StoredTensor, ...]:
    """Read a header. Raises :class:`DamagedFile` for what is no safetensors file, cut off or contradicts itself."""
    length = int.from_bytes(source.read(0, 8), "little")
    if not 2 <= length <= HEADER_LIMIT_BYTES:
        raise DamagedFile(source.name, f"a header of 2 to {HEADER_LIMIT_BYTES:,} bytes", f"{length:,} bytes")
    text = source.read(8, length)
    if len(text) < length:
        raise DamagedFile(source.name, f"{length:,} bytes of header", f"{len(text):,}: the file is cut off")
    entries = _entries(source, text)
    data_bytes = None if source.size is None else source.size - 8 - length
    return tuple(_tensor(source, name, entry, data_bytes) for name, entry in entries.items() if name != "__metadata__")


def _entries(source: Source, text: bytes) -> dict[str, Any]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedFile(source.name, "a table of tensors", f"no JSON ({type(error).__name__})") from error
    if not isinstance(entries, dict) or len(entries) > TENSOR_LIMIT:
        raise DamagedFile(source.name, f"a table of at most {TENSOR_LIMIT:,} tensors", "something else")
    return entries


def _tensor(source: Source, name: str, entry: Any, data_bytes: int | None) -> StoredTensor:
    try:
        kind, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        bits = BITS[kind]
    except (TypeError, KeyError, ValueError) as error:
        raise DamagedFile(source.name, f"type, shape and place of {name}", "an entry without them") from error
    numbers = (*shape, begin, end)
    if len(shape) > DIMENSIONS or not all(type(number) is int and 0 <= number < 1 << 60 for number in numbers):
        raise DamagedFile(source.name, f"a shape and a place of {name} that can be stored", "one that cannot")
    if (prod(shape) * bits + 7) // 8 != end - begin:
        raise DamagedFile(source.name, f"{prod(shape) * bits // 8:,} bytes of {name}", f"{end - begin:,}")
    if data_bytes is not None and end > data_bytes:
        raise DamagedFile(source.name, f"{end:,} bytes of data", f"{data_bytes:,}: the file is cut off")
    return StoredTensor(name, kind, shape, end - begin)
