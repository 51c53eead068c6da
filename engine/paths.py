"""The folders that Halfbyte uses, in each system's usual places.

``HALFBYTE_HOME`` puts all of them under one folder, for tests and for portable use.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "Halfbyte"
OVERRIDE = "HALFBYTE_HOME"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things lie. ``models`` may be moved by a setting; the others are fixed."""

    config: Path
    data: Path
    cache: Path
    logs: Path

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.json"


def folders() -> Folders:
    """Return the folders; they are made by whoever writes into them."""
    home = os.environ.get(OVERRIDE)
    if home:
        root = Path(home).expanduser().absolute()
        return Folders(root / "config", root / "data", root / "cache", root / "logs")
    dirs = platformdirs.PlatformDirs(APP, appauthor=False)
    return Folders(dirs.user_config_path, dirs.user_data_path, dirs.user_cache_path, dirs.user_log_path)


def own(where: Folders) -> tuple[Path, ...]:
    """Return the folders that hold nothing but the app's own, those that are there."""
    return tuple(path for path in dict.fromkeys((where.data, where.config, where.cache, where.logs)) if path.exists())


def erase(where: Folders) -> tuple[Path, ...]:
    """Delete everything that the app keeps, and return the folders of which something stayed.

    A models folder that the person put elsewhere is theirs: it may hold other things, and stays.
    """
    for folder in own(where):
        shutil.rmtree(folder, ignore_errors=True)
    return own(where)


def file_sizes(folder: Path, without: Collection[Path] = ()) -> Iterator[int]:
    """Yield what each file takes, in bytes, without following links. Files that go meanwhile count nothing."""
    for root, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if Path(root, name) not in without]
        for name in files:
            with contextlib.suppress(OSError):
                yield Path(root, name).lstat().st_size
