"""What decides where apps keep their models: the system, the person's home, the environment, and apps' own settings."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

SETTINGS_LIMIT_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``system`` is Python's ``sys.platform``. Paths are pure: those of another system can be asked for as well."""

    system: str
    home: PurePath
    environment: Mapping[str, str]

    @classmethod
    def here(cls) -> Surroundings:
        return cls(sys.platform, Path.home(), dict(os.environ))

    def variable(self, name: str) -> PurePath | None:
        """Return the path in an environment variable; ``~`` is the home. ``None`` if it is unset or relative."""
        value = self.environment.get(name, "").strip().strip("\"'")
        if not value:
            return None
        path = self.home / value[2:] if value.startswith(("~/", "~\\")) else type(self.home)(value)
        return path if path.is_absolute() else None

    @property
    def data(self) -> PurePath:
        """Where apps keep their data: XDG_DATA_HOME, Application Support, %APPDATA% (Roaming)."""
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        if self.system == "win32":
            return self.variable("APPDATA") or self.home / "AppData" / "Roaming"
        return self.variable("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> PurePath:
        """The same for data that stay on this machine: %LOCALAPPDATA% on Windows."""
        if self.system == "win32":
            return self.variable("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def config(self) -> PurePath:
        """Where apps keep their settings: XDG_CONFIG_HOME, Application Support, %APPDATA%."""
        return (self.variable("XDG_CONFIG_HOME") or self.home / ".config") if self.system == "linux" else self.data

    @property
    def cache(self) -> PurePath:
        """Where apps keep what can be had again: XDG_CACHE_HOME, Caches, %LOCALAPPDATA%."""
        if self.system == "darwin":
            return self.home / "Library" / "Caches"
        if self.system == "win32":
            return self.local_data
        return self.variable("XDG_CACHE_HOME") or self.home / ".cache"

    def text(self, path: PurePath) -> str:
        """Return the text of a small file; empty where there is none."""
        file = Path(path)
        try:
            return file.read_text("utf-8", "replace") if file.stat().st_size <= SETTINGS_LIMIT_BYTES else ""
        except (OSError, ValueError):
            return ""

    def table(self, path: PurePath) -> Mapping[str, Any]:
        """Return a JSON file's table; empty where there is none."""
        try:
            found = json.loads(self.text(path) or "{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def path(self, value: object) -> PurePath | None:
        """Return an absolute path that an app wrote into its settings, ``None`` for anything else."""
        if not isinstance(value, str) or not value or "\0" in value:
            return None
        path = (PureWindowsPath if self.system == "win32" else type(self.home))(value)
        return path if path.is_absolute() else None
