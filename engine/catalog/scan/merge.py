"""Makes one entry of what was found several times: by two apps, through links, or under two names of one file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import Checkpoint

Identity = tuple[tuple[int, int], ...]


def merged(entries: Iterable[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return the entries, each file once; the first keeps its name and names all owners.

    Put the library's own entries first: one of those stays deletable, as that takes away only its own name.
    """
    kept: dict[Identity | Path, Checkpoint] = {}
    for entry in entries:
        key = identity(entry) or entry.path
        first = kept.get(key)
        if first is None:
            kept[key] = entry
        elif first.path != entry.path or first.owners != entry.owners:
            owners = tuple(dict.fromkeys([*first.owners, *entry.owners]))
            kept[key] = dataclasses.replace(first, owners=owners, record=_known(first, entry))
    return tuple(kept.values())


def _known(first: Checkpoint, other: Checkpoint) -> dict[str, Any]:
    """Return what either knows of the files, the first before the other; hashes go by the first one's names."""
    known = {**other.record, **first.record}
    files = other.record.get("files")
    if "files" in first.record or not isinstance(files, dict):
        return known
    renamed = {old.name: new.name for old, new in zip(other.files, first.files, strict=True)}
    return {**known, "files": {renamed.get(name, name): entry for name, entry in files.items()}}


def identity(entry: Checkpoint) -> Identity | None:
    """Return what tells a model's files from all others on this computer, whatever they are called."""
    try:
        found = [file.stat() for file in entry.files]
    except OSError:
        return None
    if any(not stat.st_ino for stat in found):
        return None  # a file system without such numbers
    return tuple((stat.st_dev, stat.st_ino) for stat in found)
