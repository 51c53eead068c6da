"""Reads the header of a GGUF file: its metadata and the names, shapes and types of its tensors.

It works over anything that can be read at an offset, keeps no vocabulary, and trusts nothing: each count and length is
checked before it is believed. Source of the layout: ggml's docs/gguf.md and llama.cpp 0c1e57098, ggml/src/gguf.cpp.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from engine.catalog.headers.source import Cursor, Source
from engine.errors import UnsupportedModel
from engine.formats import TensorFacts
from engine.recommend.blocks import BLOCK_TYPE_BY_NUMBER, stored_bytes

MAGIC = b"GGUF"
VERSIONS = (2, 3)
HEADER_LIMIT_BYTES = 256 << 20  # the largest real ones hold about 20 MB, nearly all of it vocabulary
KEPT_ITEMS = 4096  # arrays with an entry a layer; longer ones are vocabularies
KEPT_STRING_BYTES = 1 << 20
SKIPPED_STRINGS = 8_000_000
VALUE_LIMIT = 1 << 16
TENSOR_LIMIT = 1 << 20
KEY_BYTES = 65_535
TENSOR_NAME_BYTES = 64
DIMENSIONS = 4
ALIGNMENT = 32
TENSOR_BYTES_LIMIT = 1 << 60

STRING, ARRAY = 8, 9
SCALARS: dict[int, struct.Struct] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
U32, U64 = SCALARS[4], SCALARS[10]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value that was passed over because only its length matters: the items of an array, the bytes of a string."""

    count: int


Value = str | int | float | bool | tuple[int | float | bool, ...] | Skipped


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What stands before the weights. ``data_offset`` is where these begin, in bytes."""

    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[TensorFacts, ...]
    data_offset: int


def read_gguf_header(source: Source) -> GgufHeader:
    """Read a header.

    Raises :class:`DamagedFile` for what is no GGUF or cut off, :class:`UnsupportedModel` for types that are too new.
    """
    cursor = Cursor(source, HEADER_LIMIT_BYTES)
    version = _version(cursor)
    tensor_count = _count(cursor, TENSOR_LIMIT, "tensors")
    value_count = _count(cursor, VALUE_LIMIT, "values")
    metadata: dict[str, Value] = {}
    for _ in range(value_count):
        key = _key(cursor)
        metadata[key] = _value(cursor, _number(cursor, U32))
    entries = [_tensor(cursor, metadata) for _ in range(tensor_count)]
    alignment = _alignment(cursor, metadata)
    data_offset = -(-cursor.position // alignment) * alignment
    _check_tensors(cursor, entries, data_offset, alignment)
    return GgufHeader(version, metadata, tuple(tensor for tensor, _ in entries), data_offset)


def _version(cursor: Cursor) -> int:
    magic = cursor.take(4)
    if magic != MAGIC:
        raise cursor.damaged("a GGUF file", f"one that begins with {magic!r}")
    version = _number(cursor, U32)
    if version in VERSIONS:
        return version
    if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
        raise cursor.damaged("a little-endian GGUF file", "a big-endian one")
    raise cursor.damaged("GGUF version 2 or 3", f"version {version}")


def _number(cursor: Cursor, kind: struct.Struct) -> int:
    return kind.unpack(cursor.take(kind.size))[0]


def _count(cursor: Cursor, limit: int, what: str) -> int:
    count = _number(cursor, U64)
    if count > limit:
        raise cursor.damaged(f"at most {limit:,} {what}", f"{count:,}")
    return count


def _text(cursor: Cursor, limit: int, what: str) -> str:
    length = _number(cursor, U64)
    if length > limit:
        raise cursor.damaged(f"{what} of at most {limit:,} bytes", f"{length:,} bytes")
    try:
        return cursor.take(length).decode("utf-8")
    except UnicodeDecodeError as error:
        raise cursor.damaged(f"{what} in UTF-8", "other bytes") from error


def _key(cursor: Cursor) -> str:
    key = _text(cursor, KEY_BYTES, "a key")
    if not key:
        raise cursor.damaged("a key", "an empty one")
    return key


def _value(cursor: Cursor, kind: int) -> Value:
    if kind in SCALARS:
        return SCALARS[kind].unpack(cursor.take(SCALARS[kind].size))[0]
    if kind == STRING:
        return _string(cursor)
    if kind == ARRAY:
        return _array(cursor)
    raise cursor.damaged("a value type from 0 to 12", str(kind))


def _string(cursor: Cursor) -> str | Skipped:
    length = _number(cursor, U64)
    if length > KEPT_STRING_BYTES:
        cursor.skip(length)
        return Skipped(length)
    return cursor.take(length).decode("utf-8", "replace")


def _array(cursor: Cursor) -> Value:
    kind, count = _number(cursor, U32), _number(cursor, U64)
    if kind == STRING:
        return _skip_strings(cursor, count)
    scalar = SCALARS.get(kind)
    if scalar is None:
        raise cursor.damaged("an array of numbers or strings", f"an array of type {kind}")
    if count > KEPT_ITEMS:
        cursor.skip(count * scalar.size)
        return Skipped(count)
    return tuple(item for (item,) in scalar.iter_unpack(cursor.take(count * scalar.size)))


def _skip_strings(cursor: Cursor, count: int) -> Skipped:
    if count > SKIPPED_STRINGS:
        raise cursor.damaged(f"at most {SKIPPED_STRINGS:,} strings", f"{count:,}")
    for _ in range(count):
        cursor.skip(_number(cursor, U64))
    return Skipped(count)


def _alignment(cursor: Cursor, metadata: Mapping[str, Value]) -> int:
    alignment = metadata.get("general.alignment", ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise cursor.damaged("an alignment that is a power of two", str(alignment))
    return alignment


def _tensor(cursor: Cursor, metadata: Mapping[str, Value]) -> tuple[TensorFacts, int]:
    """Return a tensor and where its weights begin, in bytes after ``data_offset``."""
    name = _text(cursor, TENSOR_NAME_BYTES, "a tensor name")
    dimensions = _number(cursor, U32)
    if dimensions > DIMENSIONS:
        raise cursor.damaged(f"at most {DIMENSIONS} dimensions of {name}", str(dimensions))
    shape = tuple(_number(cursor, U64) for _ in range(dimensions)) or (1,)
    number, offset = _number(cursor, U32), _number(cursor, U64)
    block = BLOCK_TYPE_BY_NUMBER.get(number)
    if block is None:
        architecture = str(metadata.get("general.architecture", "unknown"))
        raise UnsupportedModel(architecture, "This llama.cpp", f"{name} is stored in the unknown type {number}.")
    if 0 in shape or prod(shape) > TENSOR_BYTES_LIMIT // 8:
        raise cursor.damaged(f"a shape of {name} that can be stored", " × ".join(map(str, shape)))
    if shape[0] % block.elements:
        raise cursor.damaged(f"rows of {name} in whole blocks of {block.elements}", f"rows of {shape[0]:,}")
    return TensorFacts(name, shape, block.name, stored_bytes(shape, block.name)), offset


def _check_tensors(cursor: Cursor, entries: list[tuple[TensorFacts, int]], data_offset: int, alignment: int) -> None:
    names = {tensor.name for tensor, _ in entries}
    if len(names) != len(entries):
        raise cursor.damaged("each tensor once", "a name that occurs twice")
    end = data_offset
    for tensor, offset in entries:
        if offset % alignment:
            raise cursor.damaged(f"{tensor.name} at a multiple of {alignment} bytes", f"byte {offset:,}")
        end = max(end, data_offset + offset + tensor.bytes)
    size = cursor.source.size
    if size is not None and end > size:
        raise cursor.damaged(f"{end:,} bytes", f"{size:,}: the file is cut off")
