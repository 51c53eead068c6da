"""Finds what could be models below a folder: GGUF files, the parts of split ones together, and model folders.

Folders are strangers': links may run in circles, some may not be opened, there may be thousands. Nothing of that hurts;
a folder is entered once, however many links lead to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.facts import PART, PARTS_LIMIT

DEPTH_LIMIT = 12
FOLDER_LIMIT = 50_000
GGUF = ".gguf"


@dataclass(frozen=True, slots=True)
class Find:
    """What could be a model: ``path`` is the file, the first part that is there, or the folder."""

    path: Path
    parts: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()


def finds(root: Path) -> Iterator[Find]:
    """Yield what lies at or below ``root``, a folder or one file."""
    if root.is_file():
        yield from files_together([root.parent / name for name in _siblings(root)])
        return
    for folder, names in walk(root):
        yield from finds_in(folder, names)


def finds_in(folder: Path, names: Iterable[str]) -> Iterator[Find]:
    """Yield the models among the files of one folder; the folder itself may be one."""
    names = sorted(names)
    if "config.json" in names and any(name.endswith(".safetensors") for name in names):
        yield Find(folder)
    yield from files_together([folder / name for name in names if name.endswith(GGUF)])


def files_together(files: Iterable[Path]) -> Iterator[Find]:
    """Yield GGUF files, the parts of a split one as one (``…-00001-of-00003.gguf``: llama.cpp, llama_split_path)."""
    split: dict[tuple[str, int], dict[int, Path]] = {}
    for file in files:
        part = PART.match(file.name)
        if part and 1 < int(part["count"]) <= PARTS_LIMIT and 1 <= int(part["number"]) <= int(part["count"]):
            split.setdefault((part["stem"], int(part["count"])), {})[int(part["number"])] = file
        else:
            yield Find(file)
    for (stem, count), there in split.items():
        missing = tuple(f"{stem}-{n:05}-of-{count:05}{GGUF}" for n in range(1, count + 1) if n not in there)
        parts = tuple(there[number] for number in sorted(there))
        yield Find(parts[0], parts, missing)


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its files; links to folders are followed.

    Hidden folders are left out, and what is half-made (``*.part``).
    """
    waiting, entered = [(root, 0)], set()
    while waiting and len(entered) < FOLDER_LIMIT:
        folder, depth = waiting.pop()
        identity = _identity(folder)
        if identity is None or identity in entered:
            continue
        entered.add(identity)
        folders, files = _listed(folder)
        yield folder, files
        if depth < DEPTH_LIMIT:
            entered_later = [
                name for name in reversed(folders) if not name.startswith(".") and not name.endswith(".part")
            ]
            waiting += [(folder / name, depth + 1) for name in entered_later]


def _listed(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of a folder's folders and files; what cannot be looked at is in neither."""
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if entry.is_dir():
                        folders.append(entry.name)
                    elif entry.is_file():
                        files.append(entry.name)
                except OSError:
                    continue
    except OSError:
        return [], []
    return sorted(folders), sorted(files)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _siblings(file: Path) -> list[str]:
    """Return a file and the other parts of the model that it is a part of."""
    part = PART.match(file.name)
    if not part:
        return [file.name]
    stem, count = part["stem"], part["count"]
    wanted = (PART.match(name) for name in _listed(file.parent)[1])
    return [match.string for match in wanted if match and (match["stem"], match["count"]) == (stem, count)]
