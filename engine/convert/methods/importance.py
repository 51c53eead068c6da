"""An importance matrix: how much each column of a weight matters, and llama.cpp's two file formats of it.

Source of the formats: llama.cpp 0c1e57098, tools/imatrix/imatrix.cpp (``save_imatrix``, ``save_imatrix_legacy``) and
common/imatrix-loader.cpp; of the normalization: tools/quantize/quantize.cpp (``load_imatrix``).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.errors import DamagedFile, NotFound

Numbers = NDArray[np.float32]
SUMS, COUNTS = ".in_sum2", ".counts"
ENTRY_LIMIT = 1 << 20
NAME_LIMIT = 1 << 12


@dataclass(frozen=True, slots=True)
class Sums:
    """Of one tensor: ``values`` are sums of squared activations, one row a matrix (expert); ``counts`` their tokens."""

    values: Numbers
    counts: NDArray[np.int64]

    def weights(self) -> Numbers:
        """Return mean squares, flat; an expert that no token chose counts every column alike."""
        counts = self.counts.astype(np.float32)[:, None]
        rows = self.values.reshape(len(self.counts), -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.ascontiguousarray(np.where(counts > 0, rows / counts, np.float32(1))).astype(np.float32).ravel()


@dataclass(frozen=True, slots=True)
class Importance:
    """``sums`` by tensor name. ``chunks`` of ``chunk_tokens`` tokens each were read of ``datasets``."""

    sums: dict[str, Sums]
    datasets: tuple[str, ...]
    chunks: int
    chunk_tokens: int

    def weights(self) -> dict[str, Numbers]:
        """Return what the quantizer takes: tensor → one number a column."""
        return {name: sums.weights() for name, sums in self.sums.items()}


def read(file: Path) -> Importance:
    """Read a matrix in either format. Raises :class:`NotFound` and :class:`DamagedFile`."""
    if not file.is_file():
        raise NotFound(str(file), hint="Name a file that Halfbyte or llama-imatrix wrote.")
    try:
        with file.open("rb") as opened:
            is_gguf = opened.read(4) == b"GGUF"
            opened.seek(0)
            found = _read_gguf(file) if is_gguf else _read_legacy(opened)
    except (ValueError, KeyError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise DamagedFile(str(file), "an importance matrix", str(error) or type(error).__name__) from error
    if not found.sums:
        raise DamagedFile(str(file), "an importance matrix", "no entries")
    for name, sums in found.sums.items():
        if not np.isfinite(sums.values).all() or (sums.values < 0).any():
            raise DamagedFile(str(file), f"finite positive numbers for {name}", "others")
    return found


def write(importance: Importance, file: Path) -> None:
    """Write a matrix: in llama.cpp's old format for a name that ends in ``.dat``, else as GGUF."""
    if file.suffix == ".dat":
        with file.open("wb") as opened:
            _write_legacy(importance, opened)
    else:
        _write_gguf(importance, file)


def _read_gguf(file: Path) -> Importance:
    from gguf import GGUFReader

    reader = GGUFReader(file)
    tensors = {tensor.name: np.array(tensor.data, np.float32) for tensor in reader.tensors}
    sums = {
        name.removesuffix(SUMS): Sums(
            values.ravel(), np.rint(tensors[name.removesuffix(SUMS) + COUNTS]).astype(np.int64).ravel()
        )
        for name, values in tensors.items()
        if name.endswith(SUMS)
    }
    for name, entry in sums.items():
        if entry.counts.size == 0 or entry.values.size % entry.counts.size:
            raise ValueError(f"{name} has {entry.values.size} sums and {entry.counts.size} counts")

    def value(key: str, default: object) -> object:
        field = reader.fields.get(f"imatrix.{key}")
        return field.contents() if field else default

    datasets = value("datasets", [])
    return Importance(
        sums,
        tuple(map(str, datasets)) if isinstance(datasets, list) else (),
        int(str(value("chunk_count", 0))),
        int(str(value("chunk_size", 0))),
    )


def _write_gguf(importance: Importance, file: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(file, "imatrix")
    writer.kv_data[0].pop("general.architecture")  # llama-imatrix writes none: the files are the same, byte for byte
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", list(importance.datasets) or ["unnamed"])
    writer.add_uint32("imatrix.chunk_count", importance.chunks)
    writer.add_uint32("imatrix.chunk_size", importance.chunk_tokens)
    for name in sorted(importance.sums):
        sums = importance.sums[name]
        several = len(sums.counts) > 1
        values = sums.values.reshape((len(sums.counts), -1) if several else -1)
        writer.add_tensor(name + SUMS, np.ascontiguousarray(values))
        writer.add_tensor(name + COUNTS, sums.counts.astype(np.float32).reshape((-1, 1) if several else -1))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _read_legacy(file: BinaryIO) -> Importance:
    count = _number(file)
    if not 1 <= count <= ENTRY_LIMIT:
        raise ValueError(f"{count} entries")
    sums: dict[str, Sums] = {}
    for _ in range(count):
        name = _take(file, _bounded(_number(file), NAME_LIMIT)).decode()
        calls, length = _number(file), _number(file)
        values = np.frombuffer(_take(file, 4 * _bounded(length, 1 << 28)), np.float32).copy()
        sums[name] = Sums(values, np.array([max(calls, 1)], np.int64))
    tail = file.read(8)
    if len(tail) < 8:
        return Importance(sums, (), 0, 0)
    chunks, length = struct.unpack("<ii", tail)
    return Importance(sums, (_take(file, _bounded(length, NAME_LIMIT)).decode("utf-8", "replace"),), chunks, 0)


def _write_legacy(importance: Importance, file: BinaryIO) -> None:
    """Write sums as the old format has them: the mean times the number of chunks."""
    stored = {name: sums for name, sums in sorted(importance.sums.items()) if sums.counts.any()}
    file.write(struct.pack("<i", len(stored)))
    for name, sums in stored.items():
        calls = -(-int(sums.counts.max()) // max(importance.chunk_tokens, 1))  # rounded up, as llama-imatrix does
        values = sums.weights() * np.float32(calls)
        encoded = name.encode()
        file.write(struct.pack("<i", len(encoded)) + encoded + struct.pack("<ii", calls, values.size))
        file.write(values.astype("<f4").tobytes())
    dataset = (importance.datasets or ("",))[0].encode()
    file.write(struct.pack("<ii", importance.chunks, len(dataset)) + dataset)


def _number(file: BinaryIO) -> int:
    return struct.unpack("<i", _take(file, 4))[0]


def _bounded(count: int, limit: int) -> int:
    if not 0 <= count <= limit:
        raise ValueError(f"a length of {count}")
    return count


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise ValueError("it is cut off")
    return data
