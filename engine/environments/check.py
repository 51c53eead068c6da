"""Whether an environment works: its interpreter starts, its packages are the pinned ones, and they can be imported."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.environments import uv
from engine.environments.described import Environment
from engine.environments.places import find, interpreter_in
from engine.environments.plan import Package
from engine.errors import Cancelled, DamagedFile, NotFound
from engine.events import Event, Finished, Progress

CHECKING = "Checking"
IMPORT_S = 300.0  # PyTorch's first import from a cold disk
_VERSIONS = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"


class Checking:
    """A job; ``Finished`` with the versions of all packages. Raises :class:`DamagedFile` or :class:`NotFound`."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def __iter__(self) -> Iterator[Event]:
        environment, found = self._environment, find(self._environment)
        if found.state == "absent":
            raise NotFound(
                f"The {environment.title}", hint=f"Set it up: halfbyte environments set-up {environment.name}"
            )
        total = 1 + len(environment.imports)
        yield Progress(CHECKING, 0, total, "steps")
        versions = installed(found.folder)
        for number, name in enumerate(environment.imports, 1):
            if self._cancelled:
                raise Cancelled("The check")
            yield Progress(CHECKING, number, total, "steps")
            ask(found.folder, f"import {name}")
        yield Progress(CHECKING, total, total, "steps")
        yield Finished(versions)


def installed(folder: Path) -> dict[str, str]:
    """Return the packages of an environment, as its own interpreter finds them. Raises :class:`DamagedFile`."""
    return json.loads(ask(folder, _VERSIONS).splitlines()[-1])


def ask(folder: Path, program: str) -> str:
    """Run a line of Python in an environment and return what it printed. Raises :class:`DamagedFile`."""
    python = str(interpreter_in(folder))
    try:
        done = subprocess.run(
            [python, "-I", "-c", program],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=IMPORT_S,
            env=uv.variables(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DamagedFile(python, "a Python that starts", str(error)) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DamagedFile(python, f"“{program[:60]}” to work", said[-1] if said else f"exit code {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def refuse_others(folder: Path, wanted: tuple[Package, ...], found: Mapping[str, str]) -> None:
    """Raise :class:`DamagedFile` if a package is not there in the version that was locked."""
    there = {normal(name): version for name, version in found.items()}
    for package in wanted:
        version = there.get(normal(package.name), "nothing")
        if package.version and version != package.version:
            raise DamagedFile(str(folder), f"{package.name} {package.version}", version)


def normal(name: str) -> str:
    """Return a package's name as indexes have it (PEP 503)."""
    return name.lower().replace("_", "-").replace(".", "-")
