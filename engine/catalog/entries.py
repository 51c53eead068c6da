"""Makes entries of what was found on the disk: a name, a format, a size, and what is wrong with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.catalog import records
from engine.catalog.checkpoint import COMPANION, DAMAGED, Checkpoint
from engine.catalog.summaries import Summaries
from engine.catalog.tree import Find

WEIGHTS_SUFFIXES = (".safetensors", ".bin", ".json", ".model", ".txt", ".jinja")


def entry_of(
    found: Find,
    name: str,
    summaries: Summaries,
    record: Mapping[str, Any] | None = None,
    owner: str = "",
    label: str = "",
) -> Checkpoint:
    """Return the entry of a find; without a ``record`` the one beside it holds."""
    record = records.read(found.path) if record is None else record
    files = found.parts or tuple(folder_files(found.path)) or (found.path,)
    size_bytes = sum(map(_size_bytes, files))
    owners = (owner,) if owner else ()
    common = {"record": record, "parts": found.parts, "owners": owners, "label": label}
    if found.missing:
        problem = f"Parts of the model are missing: {_named(found.missing)}."
        return Checkpoint(found.path, name, DAMAGED, size_bytes, missing=found.missing, problem=problem, **common)
    summary = summaries.of(found.path, files)
    format_id = summary.format_id
    if not summary.problem and isinstance(record.get("format_id"), str):
        format_id = record["format_id"]
    return Checkpoint(found.path, name, format_id, size_bytes, problem=summary.problem, **common)


def with_companions(entries: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return the entries with the companions of a folder added to its models; one without a model stands for itself."""
    entries = tuple(entries)
    companions: dict[Path, list[Path]] = {}
    for entry in entries:
        if entry.format_id == COMPANION:
            companions.setdefault(entry.path.parent, []).append(entry.path)
    served = {entry.path.parent for entry in entries if entry.path.is_file() and entry.format_id != COMPANION}
    return tuple(
        dataclasses.replace(entry, companions=tuple(companions.get(entry.path.parent, ())))
        for entry in entries
        if entry.format_id != COMPANION or entry.path.parent not in served
    )


def folder_files(path: Path) -> list[Path]:
    """Return the files of a model's folder that belong to it; nothing for a file."""
    if not path.is_dir():
        return []
    try:
        return sorted(file for file in path.iterdir() if file.suffix in WEIGHTS_SUFFIXES and file.is_file())
    except OSError:
        return []


def _size_bytes(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _named(missing: tuple[str, ...]) -> str:
    shown = ", ".join(missing[:3])
    return f"{shown} and {len(missing) - 3} more" if len(missing) > 3 else shown
