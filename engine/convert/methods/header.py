"""The header of a GGUF file as bytes: taken apart, and put together again for another level as llama.cpp would.

Values are copied as they stand; only the level and the version of the quantization change.
Source: llama.cpp 0c1e57098, src/llama-quant.cpp (``gguf_set_kv``, then the two values at the end, tensors in the order
of ``weight_name_comparer``, padded to the alignment) and ggml/src/gguf.cpp (``gguf_write_out``).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.recommend.blocks import BLOCK_TYPE_BY_NUMBER, BLOCK_TYPES, stored_bytes

VERSION = 3
QUANTIZATION_VERSION = 2  # GGML_QNT_VERSION
UINT32, STRING, ARRAY = 4, 8, 9
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_REPLACED = ("general.quantization_version", "general.file_type", "split.no", "split.count", "split.tensors.count")
_LAYER = re.compile(r"blk\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Entry:
    """A tensor: ``shape`` has the row length first; ``offset`` is where its bytes begin in the file."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int

    @property
    def bytes(self) -> int:
        return stored_bytes(self.shape, self.type)

    @property
    def width(self) -> int:
        return self.shape[0]

    @property
    def rows(self) -> int:
        count = 1
        for extent in self.shape[1:]:
            count *= extent
        return count

    @property
    def rows_of_matrix(self) -> int:
        """Rows of one matrix: of one expert, where several lie in a tensor."""
        return self.shape[1] if len(self.shape) > 1 else 1


@dataclass(frozen=True, slots=True)
class Header:
    """``values`` are the metadata in order: key → its type and value as stored. ``bytes`` is the header's own size."""

    values: Mapping[str, bytes]
    tensors: tuple[Entry, ...]
    alignment: int
    bytes: int

    @property
    def file_bytes(self) -> int:
        ends = (tensor.offset + _padded(tensor.bytes, self.alignment) for tensor in self.tensors)
        return max(ends, default=self.bytes)


class _Reader:
    def __init__(self, file: Path) -> None:
        self._file = file.open("rb")
        self.position = 0

    def take(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            raise ValueError("the header is cut off")
        self.position += count
        return data

    def number(self, kind: str) -> int:
        return struct.unpack("<" + kind, self.take(struct.calcsize(kind)))[0]

    def text(self) -> bytes:
        return self.take(self.number("Q"))

    def value(self, kind: int) -> bytes:
        if kind == STRING:
            text = self.text()
            return struct.pack("<Q", len(text)) + text
        if kind != ARRAY:
            return self.take(_WIDTHS[kind])
        inner, count = self.number("I"), self.number("Q")
        head = struct.pack("<IQ", inner, count)
        if inner == STRING:
            return head + b"".join(self.value(STRING) for _ in range(count))
        return head + self.take(_WIDTHS[inner] * count)

    def close(self) -> None:
        self._file.close()


def read(file: Path) -> Header:
    """Return the header of a GGUF file that was checked before (:mod:`engine.catalog.headers.gguf_header`)."""
    reader = _Reader(file)
    try:
        reader.take(8)  # magic and version
        tensor_count, value_count = reader.number("Q"), reader.number("Q")
        values: dict[str, bytes] = {}
        for _ in range(value_count):
            key, kind = reader.text().decode(), reader.number("I")
            values[key] = struct.pack("<I", kind) + reader.value(kind)
        found = [_entry(reader) for _ in range(tensor_count)]
        alignment = struct.unpack("<I", values["general.alignment"][4:])[0] if "general.alignment" in values else 32
        begin = _padded(reader.position, alignment)
    finally:
        reader.close()
    tensors = tuple(Entry(name, shape, kind, begin + offset) for name, shape, kind, offset in found)
    return Header(values, tensors, alignment, begin)


def for_level(
    source: Header, types: Mapping[str, str], file_type: int, more: Mapping[str, bytes] | None = None
) -> tuple[Header, bytes]:
    """Return the header of a level whose tensors have these ``types``, and its bytes."""
    values = {key: value for key, value in source.values.items() if key not in _REPLACED}
    values["general.quantization_version"] = struct.pack("<II", UINT32, QUANTIZATION_VERSION)
    values["general.file_type"] = struct.pack("<II", UINT32, file_type)
    values |= more or {}
    table, placed, offset = bytearray(), [], 0
    for tensor in sorted(source.tensors, key=lambda tensor: _order(tensor.name)):
        shape, kind = _trimmed(tensor.shape), types[tensor.name]
        table += _text(tensor.name.encode()) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        table += struct.pack("<IQ", BLOCK_TYPES[kind].number, offset)
        placed.append((tensor.name, tensor.shape, kind, offset))
        offset += _padded(stored_bytes(tensor.shape, kind), source.alignment)
    head = b"GGUF" + struct.pack("<IQQ", VERSION, len(placed), len(values))
    head += b"".join(_text(key.encode()) + value for key, value in values.items()) + bytes(table)
    head += bytes(_padded(len(head), source.alignment) - len(head))
    entries = tuple(Entry(name, shape, kind, len(head) + at) for name, shape, kind, at in placed)
    return Header(values, entries, source.alignment, len(head)), head


def text_value(text: str) -> bytes:
    """Return a string as metadata stores it."""
    return struct.pack("<I", STRING) + _text(text.encode())


def number_value(number: int) -> bytes:
    """Return a count as metadata stores it."""
    return struct.pack("<II", UINT32, number)


def _entry(reader: _Reader) -> tuple[str, tuple[int, ...], str, int]:
    name = reader.text().decode()
    shape = tuple(reader.number("Q") for _ in range(reader.number("I")))
    return name, shape, BLOCK_TYPE_BY_NUMBER[reader.number("I")].name, reader.number("Q")


def _order(name: str) -> tuple[int, bytes]:
    match = _LAYER.match(name)
    return (int(match[1]) if match else -1, name.encode())


def _trimmed(shape: Iterable[int]) -> tuple[int, ...]:
    """Return a shape without the ones at its end, as ``ggml_n_dims`` counts."""
    extents = list(shape)
    while len(extents) > 1 and extents[-1] == 1:
        extents.pop()
    return tuple(extents)


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _padded(count: int, alignment: int) -> int:
    return -(-count // alignment) * alignment
