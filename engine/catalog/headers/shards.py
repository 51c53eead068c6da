"""Finds the safetensors files of a model folder and reads all their headers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engine.catalog.headers.pickled import read_pickled_tensors
from engine.catalog.headers.safetensors_header import StoredTensor, read_safetensors_header
from engine.catalog.headers.source import FileSource
from engine.errors import DamagedFile, NotFound, UnsupportedModel

INDEX = "model.safetensors.index.json"
JSON_LIMIT_BYTES = 64 << 20
SHARDS_LIMIT = 2000
NAME_LIMIT = 255  # bytes: NAME_MAX of Linux and macOS; NTFS has 255 UTF-16 units
PICKLES = "pytorch_model*.bin"  # as transformers reads them
OTHER_WEIGHTS = ("*.pth", "*.pt", "*.h5", "*.msgpack")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON table. Raises :class:`NotFound` or :class:`DamagedFile`."""
    if not path.is_file():
        raise NotFound(path.name, str(path.parent), "A model folder needs it; download the folder again.")
    try:
        if path.stat().st_size > JSON_LIMIT_BYTES:
            raise DamagedFile(str(path), f"at most {JSON_LIMIT_BYTES:,} bytes", "more")
        table = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise NotFound(str(path), hint=f"It cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise DamagedFile(str(path), "a JSON table", f"no JSON ({type(error).__name__})") from error
    if not isinstance(table, dict):
        raise DamagedFile(str(path), "a JSON table", "another value")
    return table


def read_tensors(folder: Path) -> list[StoredTensor]:
    """Return every tensor of a folder's safetensors files; each shard must be there and hold what the index says.

    Without any, return those of pickles that hold nothing but tensors.
    """
    if pickles := pickles_in(folder):
        return read_pickled_tensors(pickles)
    index = read_index(folder)
    files = sorted(set(index.values())) if index else _unindexed_files(folder)
    found: dict[str, StoredTensor] = {}
    for file in files:
        held = {tensor.name: tensor for tensor in _shard(folder / file)}
        missing = next((name for name, shard in index.items() if shard == file and name not in held), None)
        if missing is not None:
            raise DamagedFile(str(folder / file), f"the tensor {missing}, as {INDEX} says", "no such tensor")
        found.update(held)
    return list(found.values())


def read_index(folder: Path) -> dict[str, str]:
    """Return which shard holds each tensor; empty where there is no index. Shards are plain names in the folder."""
    path = folder / INDEX
    if not path.exists():
        return {}
    shards = read_json(path).get("weight_map")
    if not isinstance(shards, dict) or not shards:
        raise DamagedFile(str(path), "a table of shards", "none")
    names = set(map(str, shards.values()))
    if len(names) > SHARDS_LIMIT:
        raise DamagedFile(str(path), f"at most {SHARDS_LIMIT:,} shards", f"{len(names):,}")
    outside = next((name for name in names if not is_shard_name(name)), None)
    if outside is not None:
        raise DamagedFile(str(path), "safetensors files of the same folder", outside[:80])
    return {str(name): str(file) for name, file in shards.items()}


def is_shard_name(name: str) -> bool:
    """Tell whether an index's name is one of a safetensors file in its own folder, and one that a file can have."""
    plain = not {"/", "\\", ":", "\0"} & set(name) and not name.startswith(".")
    return plain and name.endswith(".safetensors") and len(name.encode(errors="replace")) <= NAME_LIMIT


def pickles_in(folder: Path) -> list[Path]:
    """Return the files with pickled weights of a folder that has no safetensors files."""
    return [] if any(folder.glob("*.safetensors")) else sorted(folder.glob(PICKLES))


def _unindexed_files(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.glob("*.safetensors"))
    models = [name for name in names if name.startswith("model")]
    if "model.safetensors" in names:
        return ["model.safetensors"]
    if names:
        return models or names
    other = next((path.name for pattern in OTHER_WEIGHTS for path in folder.glob(pattern)), None)
    if other is not None:
        reason = f"its weights are in {other}; Halfbyte reads safetensors files."
        raise UnsupportedModel(folder.name, "Halfbyte", reason)
    raise NotFound("A safetensors file", str(folder), "Download the folder again, with its weights.")


def _shard(path: Path) -> tuple[StoredTensor, ...]:
    if not path.is_file():
        raise NotFound(path.name, str(path.parent), "A part of the model is missing; download it again.")
    with FileSource(path) as source:
        return read_safetensors_header(source)
