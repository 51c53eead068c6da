"""By which hash a model is known, in reports and in votes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.facts import PART
from engine.measure.store import Store, key_of


def model_files(model: Checkpoint) -> list[Path]:
    """Return the files that make a model what it is."""
    path = model.path
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.suffix in (".safetensors", ".json", ".model"))
    match = PART.match(path.name)
    return sorted(path.parent.glob(f"{match['stem']}-?????-of-{match['count']}.gguf")) if match else [path]


def hash_key(files: Sequence[Path]) -> str:
    """Return the key under which the hash of files is kept as they are now. Raises ``OSError``."""
    states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return key_of({"hash": states})


def known_sha256(model: Checkpoint, store: Store) -> str | None:
    """Return a model's hash from its record, or as it was once read; ``None`` if it is not known."""
    files = model_files(model)
    recorded = model.record.get("sha256")
    if isinstance(recorded, str) and len(files) == 1 and model.record.get("size_bytes", -1) == model.size_bytes:
        return recorded
    try:
        return store.entry(hash_key(files))
    except OSError:
        return None
