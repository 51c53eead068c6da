"""Writes headers byte by byte, good ones and hostile ones, of GGUF and safetensors files."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

STRING, ARRAY = 8, 9
KINDS = {bool: (7, "<?"), int: (4, "<I"), float: (6, "<f")}


def gguf(
    metadata: Mapping[str, Any] | None = None,
    tensors: Iterable[tuple[str, tuple[int, ...], int, int]] = (),
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    data: bytes = b"",
) -> bytes:
    """Return a GGUF file; a tensor is (name, shape, type number, offset). ``counts`` replaces the true ones."""
    values, rows = dict(metadata or {}), list(tensors)
    text = b"GGUF" + struct.pack("<IQQ", version, *(counts or (len(rows), len(values))))
    for key, value in values.items():
        text += string(key) + typed(value)
    for name, shape, kind, offset in rows:
        text += string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
    return text + b"\0" * (-len(text) % 32) + data


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def typed(value: Any) -> bytes:
    """Return a value with its type in front; bytes stand for themselves."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return struct.pack("<I", STRING) + string(value)
    if isinstance(value, list):
        kind = STRING if isinstance(value[0], str) else KINDS[type(value[0])][0]
        items = b"".join(string(item) if kind == STRING else struct.pack(KINDS[type(item)][1], item) for item in value)
        return struct.pack("<IIQ", ARRAY, kind, len(value)) + items
    kind, layout = KINDS[type(value)]
    return struct.pack("<I", kind) + struct.pack(layout, value)


def llama(**changes: Any) -> dict[str, Any]:
    """Return the metadata of a small Llama; ``None`` leaves a key out. Dots in keys are written as two underscores."""
    values: dict[str, Any] = {
        "general.architecture": "llama",
        "llama.block_count": 2,
        "llama.context_length": 2048,
        "llama.embedding_length": 64,
        "llama.feed_forward_length": 128,
        "llama.attention.head_count": 4,
        "llama.attention.head_count_kv": 2,
    }
    values |= {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in values.items() if value is not None}


def safetensors(tensors: Mapping[str, tuple[str, list[int], list[int]]], data: bytes = b"", length: int = -1) -> bytes:
    """Return a safetensors file; a tensor is (type, shape, offsets). ``length`` replaces what the file claims."""
    rows = {name: dict(zip(("dtype", "shape", "data_offsets"), row, strict=True)) for name, row in tensors.items()}
    text = json.dumps(rows).encode()
    return struct.pack("<Q", len(text) if length < 0 else length) + text + data
