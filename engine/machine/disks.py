"""The room where models lie and where temporary files go."""

from __future__ import annotations

from pathlib import Path

from engine.machine.facts import Disk, Missing
from engine.machine.sources import Sources


def read(sources: Sources, folders: dict[str, Path]) -> tuple[tuple[Disk, ...], tuple[Missing, ...]]:
    """Return one row for each purpose; a folder that is not made yet has the room of the nearest one above it."""
    disks, missing = [], []
    for purpose, folder in folders.items():
        try:
            disks.append(Disk(purpose, str(folder), *sources.room(existing(folder))))
        except OSError as error:
            missing.append(
                Missing(
                    f"disk of the {purpose} folder",
                    f"{folder} cannot be looked at: {error.strerror or error}.",
                    "Choose another folder in the settings.",
                )
            )
    return tuple(disks), tuple(missing)


def existing(folder: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    absolute = folder.expanduser().absolute()
    return next((path for path in (absolute, *absolute.parents) if path.is_dir()), absolute)
