"""The folders that Halfbyte uses, in each system's usual places.

``HALFBYTE_HOME`` puts all of them under one folder, for tests and for portable use.
"""

from __future__ import annotations

import os
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
