"""The cache of huggingface_hub: ``models--publisher--name/snapshots/commit/file``, each a link to ``blobs/hash``.

llama.cpp keeps its downloads there too since 2026. Sources: huggingface_hub 2.4.0, constants.py (HF_HUB_CACHE,
HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME) and utils/_cache_manager.py; llama.cpp 0c1e57098, common/hf-cache.cpp.
Not ``scan_cache_dir``: one broken link makes it leave a whole repository out, and it cannot be stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePath

from engine.catalog.scan.found import Found
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.tree import Find, finds_in, walk

SHA256 = re.compile(r"^[0-9a-f]{64}$")  # blobs of large files are called by it, those of small ones by git's SHA-1
REPOSITORY = re.compile(r"^models--(?P<name>.+)$")


def places(here: Surroundings) -> tuple[PurePath, ...]:
    home = here.variable("HF_HOME") or (here.variable("XDG_CACHE_HOME") or here.home / ".cache") / "huggingface"
    named = (here.variable("HF_HUB_CACHE"), here.variable("HUGGINGFACE_HUB_CACHE"))
    return tuple(dict.fromkeys([*filter(None, named), home / "hub"]))


def models(folder: Path) -> Iterator[Found]:
    """Yield the models of each repository's snapshots, the one that ``refs/main`` names first."""
    for repository in _folders(folder):
        named = REPOSITORY.match(repository.name)
        if named:
            main = _text(repository / "refs" / "main")
            for snapshot in sorted(_folders(repository / "snapshots"), key=lambda path: path.name != main):
                yield from _in_snapshot(snapshot, named["name"].replace("--", "/"))


def _in_snapshot(snapshot: Path, repository: str) -> Iterator[Found]:
    for where, names in walk(snapshot):
        for find in finds_in(where, names):
            source = {"repository": repository, "commit": snapshot.name}
            label = repository.rpartition("/")[2] if find.path.is_dir() else ""
            yield Found(find, label, {"source": source, "files": _hashes(find)})


def _hashes(find: Find) -> dict[str, dict[str, str]]:
    """Return the SHA-256 that the cache has of a model's files, by the names of the blobs."""
    files = find.parts or (find.path,)
    if find.path.is_dir():
        files = tuple(file for file in _files(find.path))
    targets = {file.name: _blob(file) for file in files}
    return {name: {"sha256": blob} for name, blob in targets.items() if SHA256.match(blob)}


def _blob(file: Path) -> str:
    try:
        return PurePath(file.readlink()).name
    except OSError:  # Windows without the right to make links: the file itself is there
        return ""


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file())


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
