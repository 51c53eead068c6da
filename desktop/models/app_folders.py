"""The folders that Halfbyte writes into, what they hold, and what of it can be deleted without a loss."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from desktop.language import tr
from engine.environments import places
from engine.machine import gpu_parts
from engine.paths import Folders, file_sizes, folders
from engine.runtime import kept_prompts

# The window has these open; the log is bounded anyway.
_OPEN_FILES = ("window.log", "native-crash.txt")


@dataclass(frozen=True, slots=True)
class AppFolder:
    """One folder. ``taken_bytes`` is without the folders that have a line of their own; ``cleans`` names the action."""

    name: str
    path: Path
    taken_bytes: int
    cleans: str = ""


def app_folders(models: Path, where: Folders | None = None) -> tuple[AppFolder, ...]:
    """Measure every folder that the app uses. Takes as long as the disk does: not for the main thread."""
    where = where or folders()
    lines = (
        (tr("Models"), models, ""),
        (tr("Conversations and notes"), where.data, ""),
        (tr("Packages of the CUDA formats"), places.root(), ""),
        (tr("GPU parts"), gpu_parts.home(), ""),
        (tr("Settings"), where.config, ""),
        (tr("Read prompts (KV caches)"), kept_prompts.folder(), tr("Delete the KV caches")),
        (tr("Other caches"), where.cache, ""),
        (tr("Logs and crash reports"), where.logs, tr("Delete the old logs")),
    )
    own = {path for _, path, _ in lines}
    return tuple(AppFolder(name, path, sum(file_sizes(path, own - {path})), cleans) for name, path, cleans in lines)


def clean(folder: AppFolder) -> None:
    """Delete what can be made again, or was only for reading. Raises nothing: what is in use stays."""
    if folder.path == kept_prompts.folder():
        for file in folder.path.glob("*.kv"):
            kept_prompts.delete(file)
    elif folder.path == folders().logs:
        for file in folder.path.iterdir():
            if file.is_file() and file.name not in _OPEN_FILES:
                with contextlib.suppress(OSError):
                    file.unlink()
