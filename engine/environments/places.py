"""Where environments lie, and what lies there: read without starting anything.

An environment has its name when it is whole; while it is made its folder ends in ``.part``. Its record tells which pins
it was made of.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.environments.described import ENVIRONMENTS, Environment
from engine.paths import folders

RECORD = "halfbyte.json"
State = Literal["absent", "ready", "outdated", "damaged"]


def root() -> Path:
    """Return the folder of all environments."""
    return folders().data / "environments"


def cache() -> Path:
    """Return where fetched packages wait: on the same disk, so that an environment shares its files with it."""
    return root() / "cache"


def folder_of(environment: Environment) -> Path:
    return root() / environment.name


def interpreter_in(folder: Path) -> Path:
    """Return the interpreter of a virtual environment (PEP 405)."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Found:
    """An environment as it lies there; the bytes and the date are of its set-up."""

    environment: Environment
    state: State
    folder: Path
    disk_bytes: int = 0
    python: str = ""
    made_at: str = ""


def find(environment: Environment) -> Found:
    """Look at an environment. After an update of the app it is “outdated” if other versions are pinned now."""
    folder = folder_of(environment)
    record = _record(folder)
    if record is None:
        return Found(environment, "damaged" if folder.exists() else "absent", folder)
    if not interpreter_in(folder).exists():  # the Python that it stands on may be gone
        state: State = "damaged"
    else:
        state = "ready" if record.get("pins_sha256") == environment.pins_sha256 else "outdated"
    told = (int(record.get("disk_bytes", 0)), str(record.get("python", "")), str(record.get("made_at", "")))
    return Found(environment, state, folder, *told)


def usable(name: str) -> Path | None:
    """Return the interpreter of an environment that is set up, an outdated one too; ``None`` without one."""
    found = find(ENVIRONMENTS[name])
    return interpreter_in(found.folder) if found.state in ("ready", "outdated") else None


def interpreter_for(name: str, packages: Iterable[str]) -> Path | None:
    """Return who runs what needs packages: ``None`` for this very interpreter, which has them or is all there is."""
    return None if all(_own_version(package) for package in packages) else usable(name)


def versions_here(name: str, packages: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages where :func:`interpreter_for` would run them; "" for one that is absent."""
    interpreter = interpreter_for(name, packages)
    if interpreter is None:
        return {package: _own_version(package) for package in packages}
    return {package: _version_in(interpreter, package) for package in packages}


def _own_version(package: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(package)
    return ""


def _version_in(interpreter: Path, package: str) -> str:
    places = [str(place) for place in site_packages(interpreter.parents[1])]
    return next((found.version for found in importlib.metadata.distributions(name=package, path=places)), "")


def site_packages(folder: Path) -> tuple[Path, ...]:
    """Return where packages are installed in a virtual environment."""
    return tuple(folder.glob("Lib/site-packages" if sys.platform == "win32" else "lib/python*/site-packages"))


def _record(folder: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        record = json.loads((folder / RECORD).read_text("utf-8"))
        return record if isinstance(record, dict) else None
    return None
