"""What setting an environment up will fetch and take: asked of the package index before a package is fetched."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from engine.environments import uv
from engine.environments.described import OLDEST_PYTHON, TOO_NEW_PYTHON, Environment
from engine.environments.places import Found, find, root
from engine.environments.running import Running
from engine.errors import DiskFull, EngineError
from engine.events import Event, Finished, Progress
from engine.process import outside

UNPACKED = 1.9  # installed bytes a fetched one: 5.4 of 2.9 GB for the CUDA environment on Linux
RESERVE_BYTES = 500_000_000
ASKING = "Asking the package index for sizes"


@dataclass(frozen=True, slots=True)
class Package:
    """``download_bytes`` is ``None`` where the index does not say; ``fetched`` tells if it waits in the cache."""

    name: str
    version: str
    download_bytes: int | None
    fetched: bool


@dataclass(frozen=True, slots=True)
class SetUpPlan:
    """What :class:`engine.environments.setup.SetUp` carries out. ``lock`` is pylock.toml's text (PEP 751)."""

    found: Found
    packages: tuple[Package, ...]
    python: str
    free_bytes: int
    lock: str

    @property
    def environment(self) -> Environment:
        return self.found.environment

    @property
    def download_bytes(self) -> int:
        """Return what is still to be fetched."""
        return sum(package.download_bytes or 0 for package in self.packages if not package.fetched)

    @property
    def disk_bytes(self) -> int:
        """Return about what the environment will take; packages share their files with the cache."""
        return int(UNPACKED * sum(package.download_bytes or 0 for package in self.packages))

    @property
    def needed_bytes(self) -> int:
        """Return the room that is needed now: what is fetched already lies there unpacked."""
        return int(UNPACKED * self.download_bytes) + RESERVE_BYTES

    @property
    def problem(self) -> EngineError | None:
        if self.free_bytes < self.needed_bytes:
            return DiskFull(self.needed_bytes, self.free_bytes, str(root()))
        return None


class Planning:
    """A job that asks for the sizes; ``Finished(SetUpPlan)``.

    Raises :class:`NotFound` without uv, :class:`Offline`, and :class:`Refused` where no Python or package fits.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._running = Running()

    def cancel(self) -> None:
        self._running.cancel()

    def __iter__(self) -> Iterator[Event]:
        root().mkdir(parents=True, exist_ok=True)
        yield Progress(ASKING, 0, None, "steps")
        python = self._python()
        lock = root() / f"pylock.asked-{os.getpid()}-{threading.get_ident()}.toml"
        try:
            how = ("--no-deps", "--format", "pylock.toml", "--no-header", "--quiet")
            where = ("--python", python, "--output-file", str(lock))
            pins = str(self._environment.pins)
            self._running.finish("asking the package index", "pip", "compile", pins, *how, *where)
            text = lock.read_text("utf-8")
        finally:
            lock.unlink(missing_ok=True)
        free_bytes = shutil.disk_usage(root()).free
        yield Finished(SetUpPlan(find(self._environment), tuple(packages_in(text)), python, free_bytes, text))

    def _python(self) -> str:
        """Return an interpreter to build on: this one where it fits, else what uv finds or fetches (about 35 MB)."""
        if not outside.is_frozen() and OLDEST_PYTHON <= sys.version_info[:2] < TOO_NEW_PYTHON:
            return getattr(sys, "_base_executable", sys.executable)
        wanted = self._environment.pythons
        try:
            return self._running.finish("looking for Python", "python", "find", wanted).splitlines()[-1].strip()
        except EngineError:
            self._running.finish("fetching Python", "python", "install", "3.12")
            return self._running.finish("looking for Python", "python", "find", "3.12").splitlines()[-1].strip()


def packages_in(lock: str) -> Iterator[Package]:
    """Yield the packages of a pylock.toml; of several files that fit, the largest counts."""
    for row in tomllib.loads(lock).get("packages", ()):
        files = row.get("wheels") or [row[kind] for kind in ("sdist", "archive") if kind in row]
        sizes = [size for size in map(_size, files) if size is not None]
        name, version = row["name"], str(row.get("version", ""))
        yield Package(name, version, max(sizes, default=None), _is_fetched(name, version))


def _size(file: dict[str, Any]) -> int | None:
    if "size" in file:
        return int(file["size"])
    url = file.get("url", "")
    if url.startswith("file:"):
        path = Path(url2pathname(unquote(urlparse(url).path)))
        return path.stat().st_size if path.is_file() else None
    return None


def _is_fetched(name: str, version: str) -> bool:
    """Tell whether a whole package waits in uv's cache (its layout as of 0.13; a miss only costs a wrong number)."""
    folder = Path(uv.variables()["UV_CACHE_DIR"])
    pattern = f"{name.replace('-', '_')}/{version}-*.http"
    names = {pattern, pattern.replace(name.replace("-", "_"), name, 1)}
    return any(next(folder.glob(f"wheels-v*/{depth}{one}"), None) for depth in ("*/", "*/*/") for one in names)
