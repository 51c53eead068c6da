"""Writes safetensors files as published models have them: bfloat16, shards and an index included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def stored(values: Array, kind: str) -> bytes:
    """Return numbers as a safetensors file stores them; rounded to nearest even where that is narrower."""
    if kind == "BF16":
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16).tobytes()
    return np.ascontiguousarray(values, {"F16": np.float16, "F32": np.float32, "F64": np.float64}[kind]).tobytes()


def write_file(path: Path, tensors: Mapping[str, Array], kind: str) -> None:
    """Write one safetensors file."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    blobs = {name: stored(values, kind) for name, values in tensors.items()}
    for name, blob in blobs.items():
        header[name] = {
            "dtype": kind,
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for blob in blobs.values():
            file.write(blob)


def write_weights(folder: Path, tensors: Mapping[str, Array], kind: str = "BF16", shards: int = 1) -> None:
    """Write a model's weights; in several shards with their index."""
    if shards == 1:
        write_file(folder / "model.safetensors", tensors, kind)
        return
    names = list(tensors)
    place: dict[str, str] = {}
    for number in range(shards):
        file = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = names[number * len(names) // shards : (number + 1) * len(names) // shards]
        write_file(folder / file, {name: tensors[name] for name in part}, kind)
        place.update(dict.fromkeys(part, file))
    write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": place})


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", "utf-8")
