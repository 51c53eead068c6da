"""Where readings come from: files, commands, drivers, the worker. Only this part of the stage touches the computer.

Every reader takes a :class:`Sources` and parses what it says, so that tests can replay machines that were recorded.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import psutil

from engine.environments.places import versions_here
from engine.machine.cuda_cards import shown_by_cuda
from engine.machine.facts import Gpu
from engine.machine.unavailable import Unavailable
from engine.process.host import Worker

WORKER = "engine.machine.worker"


class Sources(Protocol):
    """What readers may ask of a computer.

    :meth:`output`, :meth:`nvml` and :meth:`cuda_cards` raise :class:`Unavailable`.
    """

    @property
    def system(self) -> str: ...  # Linux, Darwin, Windows
    @property
    def architecture(self) -> str: ...  # x86_64, AMD64, arm64, aarch64

    def text(self, path: str) -> str:
        """Return a small file's text, "" if it is not there or may not be read."""
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the names in a folder, sorted; none if it is not there."""
        ...

    def link(self, path: str) -> str:
        """Return the last part of a symbolic link's target, "" if there is no such link."""
        ...

    def may_use(self, path: str) -> bool:
        """Tell whether this user may read and write a device file."""
        ...

    def output(self, *command: str, limit_s: float = 3.0) -> str:
        """Return what a command prints, whatever its exit code."""
        ...

    def memory(self) -> tuple[int, int]:
        """Return total and available main memory (bytes)."""
        ...

    def cores(self) -> tuple[int, int]:
        """Return the physical and logical cores of the whole computer; 0 physical: not known."""
        ...

    def affinity(self) -> frozenset[int] | None:
        """Return the numbers of the logical processors that this process may run on; ``None`` where all may be used."""
        ...

    def room(self, folder: Path) -> tuple[int, int]:
        """Return total and free bytes of the disk of an existing folder."""
        ...

    def processor_feature(self, number: int) -> bool:
        """Ask Windows' ``IsProcessorFeaturePresent``."""
        ...

    def nvml(self) -> Mapping[str, Any]:
        """Return NVML's values (see :mod:`engine.machine.nvml`)."""
        ...

    def cuda_cards(self, cards: Sequence[Gpu]) -> frozenset[str] | None:
        """Return the UUIDs of the cards that CUDA shows, ``None``: all (see :mod:`engine.machine.cuda_cards`)."""
        ...

    def version(self, package: str) -> str | None:
        """Return an installed package's version without importing it."""
        ...

    def ask(self, do: str, limit_s: float, **arguments: Any) -> Mapping[str, Any]:
        """Return the worker's answer (see :mod:`engine.machine.worker`)."""
        ...


class Live:
    """Read the computer that this program runs on."""

    system = platform.system()
    architecture = platform.machine()

    def __init__(self) -> None:
        self._worker = Worker(WORKER, doing="looking at this computer", environment={"OPENBLAS_NUM_THREADS": "1"})

    def text(self, path: str) -> str:
        try:
            return Path(path).read_text("utf-8", "replace")
        except OSError:
            return ""

    def names(self, folder: str) -> tuple[str, ...]:
        try:
            return tuple(sorted(path.name for path in Path(folder).iterdir()))
        except OSError:
            return ()

    def link(self, path: str) -> str:
        try:
            return Path(path).readlink().name
        except OSError:
            return ""

    def may_use(self, path: str) -> bool:
        return os.access(path, os.R_OK | os.W_OK)

    def output(self, *command: str, limit_s: float = 3.0) -> str:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=limit_s,
                check=False,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{command[0]} did not answer within {limit_s:g} seconds.") from None
        except OSError as error:
            raise Unavailable(f"{command[0]} cannot be started: {error.strerror or error}.") from error
        return done.stdout.decode("utf-8", "replace")

    def memory(self) -> tuple[int, int]:
        memory = psutil.virtual_memory()
        return memory.total, memory.available

    def cores(self) -> tuple[int, int]:
        return psutil.cpu_count(logical=False) or 0, psutil.cpu_count() or 1

    def affinity(self) -> frozenset[int] | None:
        process = psutil.Process()
        if not hasattr(process, "cpu_affinity"):  # macOS
            return None
        try:
            return frozenset(process.cpu_affinity() or ()) or None
        except (psutil.Error, OSError):  # a container's filter
            return None

    def room(self, folder: Path) -> tuple[int, int]:
        usage = shutil.disk_usage(folder)
        return usage.total, usage.free

    def processor_feature(self, number: int) -> bool:
        import ctypes

        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(number))  # type: ignore[attr-defined]

    def nvml(self) -> Mapping[str, Any]:
        from engine.machine import nvml

        return nvml.read()

    def cuda_cards(self, cards: Sequence[Gpu]) -> frozenset[str] | None:
        return shown_by_cuda(cards)

    def version(self, package: str) -> str | None:
        return versions_here("cuda", [package])[package] or None

    def ask(self, do: str, limit_s: float, **arguments: Any) -> Mapping[str, Any]:
        return self._worker.ask(do, limit_s=limit_s, **arguments).finish()

    def close(self) -> None:
        """End the worker at once; it has nothing to save."""
        self._worker.kill()
        self._worker.close()
