"""The record beside a model: where it came from, how it was made, what was measured.

``model.gguf`` has ``model.gguf.halfbyte.json``; a folder has ``folder/.halfbyte.json``. A record names its schema; an
older one is migrated on a copy when it is read, one of a newer Halfbyte is read as far as it is understood.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
SCHEMA = 1
NEWER = ".newer"  # what a record of a newer Halfbyte is called once its model was replaced


def record_path(model: Path) -> Path:
    """Return where a model's record lies."""
    if model.is_dir():
        return model / ".halfbyte.json"
    return model.with_name(model.name + ".halfbyte.json")


def read(model: Path) -> dict[str, Any]:
    """Return a model's record; empty where none can be read: a record is never needed to use a model."""
    record = _stored(record_path(model))
    return _migrated(copy.deepcopy(record), model) if schema_of(record) < SCHEMA and record else record


def write(model: Path, record: Mapping[str, Any]) -> None:
    """Write the record of a model that was just made or fetched, under a temporary name first.

    A record of a newer Halfbyte that lies there, of the model before, is put beside it untouched.
    """
    target = record_path(model)
    if schema_of(_stored(target)) > SCHEMA:
        with contextlib.suppress(OSError):
            target.replace(target.with_name(target.name + NEWER))
    _write(target, _migrated(dict(record), model))


def annotate(model: Path, changes: Mapping[str, Any]) -> bool:
    """Add to a model's record and return whether that was possible; one of a newer Halfbyte is left as it is."""
    target = record_path(model)
    if schema_of(_stored(target)) > SCHEMA:
        return False
    try:
        _write(target, {**read(model), **changes})
    except OSError:
        return False
    return True


def schema_of(record: Mapping[str, Any]) -> int:
    """Return a record's version; the first ones did not say it."""
    version = record.get("schema", 0)
    return version if isinstance(version, int) else 0


def _stored(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _write(target: Path, record: Mapping[str, Any]) -> None:
    temporary = target.with_name(f"{target.name}.{os.getpid()}.part")
    temporary.write_text(json.dumps({**record, "schema": SCHEMA}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    temporary.replace(target)


def _migrated(record: dict[str, Any], model: Path) -> dict[str, Any]:
    """Turn version 0 into 1: the hash of a single file stands among ``files`` as those of several do."""
    sha256 = record.get("sha256")
    if "files" not in record and isinstance(sha256, str) and not model.is_dir():
        record["files"] = {model.name: {"sha256": sha256}}
    return record


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
