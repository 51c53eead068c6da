"""The record beside a model: where it came from, how it was made, what was measured.

``model.gguf`` has ``model.gguf.halfbyte.json``; a folder has ``folder/.halfbyte.json``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20


def record_path(model: Path) -> Path:
    """Return where a model's record lies."""
    if model.is_dir():
        return model / ".halfbyte.json"
    return model.with_name(model.name + ".halfbyte.json")


def read(model: Path) -> dict[str, Any]:
    """Return a model's record; empty where none can be read: a record is never needed to use a model."""
    try:
        record = json.loads(record_path(model).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def write(model: Path, record: Mapping[str, Any]) -> None:
    """Write a model's record, under a temporary name first."""
    target = record_path(model)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    temporary.replace(target)


def chunks(file: Path) -> Iterable[bytes]:
    """Yield a file's bytes, a MiB at a time."""
    with file.open("rb", buffering=0) as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


def sha256(file: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Return a file's SHA-256 in hexadecimal; ``on_bytes`` is told how many bytes are done so far."""
    digest, done = hashlib.sha256(), 0
    for chunk in chunks(file):
        digest.update(chunk)
        done += len(chunk)
        if on_bytes:
            on_bytes(done)
    return digest.hexdigest()
