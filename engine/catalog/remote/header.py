"""Reads the header of a remote GGUF file without its vocabulary.

A header is mostly vocabulary: 2 to 10 MB, of which facts need the first few kilobytes and the tensor table at its end.
What is passed over is proved at the end: the tensors must fill the file to its last byte. The result is a small header
that the ordinary reader reads (:mod:`engine.catalog.headers.gguf_header`; its source is ggml's docs/gguf.md).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from engine.catalog.headers.gguf_header import ALIGNMENT, ARRAY, MAGIC, SCALARS, STRING, TENSOR_LIMIT
from engine.catalog.remote.ranges import RemoteBytes
from engine.catalog.remote.strings import Lost, end_of_strings
from engine.errors import DamagedFile
from engine.recommend.blocks import BLOCK_TYPE_BY_NUMBER, stored_bytes

HEAD_BYTES = 6 << 10
VALUE_LIMIT = 4096
KEY_LIMIT = 512
KEPT_BYTES = 1024  # a chat template is longer
KEPT_ITEMS = 2048  # of numbers: one for each layer; a vocabulary has more
FEW_STRINGS = 4096  # are read one by one
MARK_BYTES = 96  # of an entry that was passed over: its key, type and count
TABLE_BYTES = 24 << 10
KEYS = re.compile(rb"(?:tokenizer|general|quantize|split)\.[a-z0-9_.\-]+")
TENSOR_NAME = re.compile(rb"[A-Za-z0-9_.\-]{1,64}")
U32, U64 = struct.Struct("<I"), struct.Struct("<Q")
EMPTY_STRING = U32.pack(STRING) + U64.pack(0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A metadata entry, from ``start`` to ``end``. ``kept`` is what is left of it: all of it, less, or nothing."""

    key: bytes
    start: int
    end: int
    kept: bytes
    mark: bytes = b""

    @property
    def passed_over(self) -> bool:
        return bool(self.mark)


@dataclass(frozen=True, slots=True)
class Table:
    """The tensor table as stored."""

    count: int
    content: bytes


@dataclass(frozen=True, slots=True)
class SparseHeader:
    """A header without its large values."""

    version: int
    entries: tuple[Entry, ...]
    table: Table

    def compact(self, further: Iterable[Table] = ()) -> bytes:
        """Return a GGUF header with the same facts, and the tensors of a split model's further parts."""
        tables = (self.table, *further)
        kept = [entry.kept for entry in self.entries if entry.kept]
        counts = U64.pack(sum(table.count for table in tables)) + U64.pack(len(kept))
        contents = b"".join(table.content for table in tables)
        return MAGIC + U32.pack(self.version) + counts + b"".join(kept) + contents


def read_sparse_header(file: RemoteBytes, like: SparseHeader | None = None) -> SparseHeader:
    """Read a header; ``like`` is that of another level of the model, in which the vocabulary lies at the same place.

    Raises :class:`Lost` where the search fails, and :class:`DamagedFile` for what is no GGUF.
    """
    if like is not None and any(entry.passed_over for entry in like.entries):
        try:
            return _Walk(file).alike(like)
        except Lost:
            pass
    return _Walk(file).whole()


class _Walk:
    """Goes through one header from its beginning."""

    def __init__(self, file: RemoteBytes) -> None:
        self._file = file
        start = file.at(0, 24, HEAD_BYTES)
        if start[:4] != MAGIC or len(start) < 24:
            raise DamagedFile(file.name, "a GGUF file", f"one that begins with {start[:4]!r}")
        self._version = U32.unpack_from(start, 4)[0]
        self._tensor_count, self._entry_count = U64.unpack_from(start, 8)[0], U64.unpack_from(start, 16)[0]
        if self._version not in (2, 3) or self._tensor_count > TENSOR_LIMIT or self._entry_count > VALUE_LIMIT:
            raise Lost
        self._position = 24
        self._alignment = ALIGNMENT
        self._architecture = b"\0"

    def whole(self) -> SparseHeader:
        entries = [self._entry(last=number == self._entry_count - 1) for number in range(self._entry_count)]
        return self._with_table(entries)

    def alike(self, like: SparseHeader) -> SparseHeader:
        """Read the entries before the first large one and those after the last; between them all is as in ``like``."""
        large = [number for number, entry in enumerate(like.entries) if entry.passed_over]
        first, last = like.entries[large[0]], like.entries[large[-1]]
        before = [self._entry(last=False) for _ in range(large[0])]
        if self._file.at(self._position, len(first.mark)) != first.mark:
            raise Lost
        self._position += last.end - first.start
        count = self._entry_count - large[-1] - 1
        if count < 0:
            raise Lost
        tail_bytes = sum(entry.end - entry.start for entry in like.entries[large[-1] + 1 :])
        self._file.at(self._position, 1, tail_bytes + len(like.table.content) + 2 * KEPT_BYTES)
        after = [self._entry(last=number == count - 1) for number in range(count)]
        return self._with_table([*before, *like.entries[large[0] : large[-1] + 1], *after])

    def _with_table(self, entries: list[Entry]) -> SparseHeader:
        start = self._position
        self._file.at(start, 1, min(TABLE_BYTES, 80 * self._tensor_count))
        data_bytes = 0
        for _ in range(self._tensor_count):
            data_bytes = max(data_bytes, self._tensor())
        content = self._file.at(start, self._position - start)
        self._prove(data_bytes)
        return SparseHeader(self._version, tuple(entries), Table(self._tensor_count, content))

    def _prove(self, data_bytes: int) -> None:
        """Check that the tensors end where the file does, but for padding. Raises :class:`Lost`."""
        data_offset = -(-self._position // self._alignment) * self._alignment
        if not 0 <= self._file.size - data_offset - data_bytes < self._alignment:
            raise Lost

    # Entries

    def _entry(self, *, last: bool) -> Entry:
        start = self._position
        key = self._text(KEY_LIMIT)
        kind = self._number(U32)
        small = self._skip_value(kind, last=last)
        length = self._position - start
        if small:
            content = self._file.at(start, length)
            self._note(key, kind, content)
            return Entry(key, start, self._position, content)
        mark = self._file.at(start, min(MARK_BYTES, 8 + len(key) + 16))
        kept = U64.pack(len(key)) + key + EMPTY_STRING if kind == STRING else b""
        return Entry(key, start, self._position, kept, mark)

    def _skip_value(self, kind: int, *, last: bool) -> bool:
        """Move past a value; return whether it is worth keeping."""
        if kind in SCALARS:
            self._position += SCALARS[kind].size
            return True
        if kind == STRING:
            length = self._number(U64)
            self._position += length
            return length <= KEPT_BYTES
        if kind != ARRAY:
            raise Lost
        item, count = self._number(U32), self._number(U64)
        if item in SCALARS:
            self._position += count * SCALARS[item].size
            return count <= KEPT_ITEMS
        if item != STRING:
            raise Lost
        return self._skip_strings(count, last=last)

    def _skip_strings(self, count: int, *, last: bool) -> bool:
        if count > FEW_STRINGS:
            is_next = self._is_tensor if last else self._is_entry
            self._position = end_of_strings(self._file, self._position, count, is_next)
            return False
        start = self._position
        for _ in range(count):
            self._file.at(self._position, 8, HEAD_BYTES * 2)
            length = self._number(U64)
            self._position += length
        return self._position - start <= KEPT_BYTES

    def _note(self, key: bytes, kind: int, content: bytes) -> None:
        if key == b"general.alignment" and kind in SCALARS:
            alignment = SCALARS[kind].unpack(content[-SCALARS[kind].size :])[0]
            self._alignment = alignment if isinstance(alignment, int) and alignment > 0 else ALIGNMENT
        if key == b"general.architecture":
            self._architecture = content[8 + len(key) + 4 + 8 :]

    def _is_entry(self, window: bytes, place: int) -> bool:
        """Tell whether a metadata entry begins here: one with a key of the kinds that follow a vocabulary."""
        length = U64.unpack_from(window, place)[0]
        key = window[place + 8 : place + 8 + length] if length <= KEY_LIMIT else b""
        if not KEYS.fullmatch(key) and not key.startswith(self._architecture + b"."):
            return False
        kind = window[place + 8 + length : place + 12 + length]
        return len(kind) == 4 and U32.unpack(kind)[0] <= 12

    def _is_tensor(self, window: bytes, place: int) -> bool:
        """Tell whether the tensor table begins here."""
        length = U64.unpack_from(window, place)[0]
        name = window[place + 8 : place + 8 + length] if length <= 64 else b""
        rest = window[place + 8 + length : place + 28 + length]
        if not TENSOR_NAME.fullmatch(name) or len(rest) < 12:
            return False
        dimensions, extent = U32.unpack_from(rest)[0], U64.unpack_from(rest, 4)[0]
        return 1 <= dimensions <= 4 and 0 < extent < 1 << 32

    def _tensor(self) -> int:
        """Move past a tensor of the table; return where its data ends."""
        self._text(64)
        dimensions = self._number(U32)
        if dimensions > 4:
            raise Lost
        shape = tuple(self._number(U64) for _ in range(dimensions)) or (1,)
        block = BLOCK_TYPE_BY_NUMBER.get(self._number(U32))
        offset = self._number(U64)
        if block is None or shape[0] % block.elements:
            raise Lost
        return offset + stored_bytes(shape, block.name)

    def _number(self, kind: struct.Struct) -> int:
        content = self._file.at(self._position, kind.size)
        if len(content) < kind.size:
            raise Lost
        self._position += kind.size
        return kind.unpack(content)[0]

    def _text(self, limit: int) -> bytes:
        length = self._number(U64)
        if length > limit:
            raise Lost
        content = self._file.at(self._position, length)
        self._position += length
        return content
