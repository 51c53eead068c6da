"""Make one of the app's environments where nothing can be fetched: of carried wheels and what this interpreter has.

It stands in for uv's part alone. The folder and its record are those that :class:`engine.environments.setup.SetUp`
leaves, and the app finds and uses it as any other.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.environments.check import installed, normal
from engine.environments.described import Environment
from engine.environments.places import RECORD, folder_of, site_packages

NAME = re.compile(r"^[\w.-]+")
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)")


def make_of_wheels(environment: Environment, wheels: Path) -> dict[str, str]:
    """Return the versions that differ from the pins, ``""`` for packages that neither has."""
    folder = folder_of(environment)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = site_packages(folder)
    quietly = ("-q", "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", "--disable-pip-version-check")
    files = sorted(map(str, wheels.glob("*.whl")))
    subprocess.run([sys.executable, "-m", "pip", "install", *quietly, "--target", packages, *files], check=True)
    carried = {normal(Path(file).name.partition("-")[0]) for file in files}
    wanted = pinned(environment)
    _link_all(wanted.keys(), carried, packages)
    record = {"environment": environment.name, "pins_sha256": environment.pins_sha256, "python": sys.executable}
    (folder / RECORD).write_text(json.dumps(record), "utf-8")
    there = {normal(name): version for name, version in installed(folder).items()}
    return {name: there.get(name, "") for name, version in wanted.items() if there.get(name) != version}


def pinned(environment: Environment) -> dict[str, str]:
    """Return names and versions for this computer's Python, whatever its system: a package may be for another one."""
    found = {}
    for line in environment.pins.read_text("utf-8").splitlines():
        older = "python_full_version < '3.12'" in line
        newer = "python_full_version >= '3.12'" in line
        if (match := PIN.match(line)) and not (older if sys.version_info >= (3, 12) else newer):
            found[normal(match["name"])] = match["version"]
    return found


def _link_all(names: Iterable[str], carried: set[str], packages: Path) -> None:
    """Link what this interpreter has of the packages and of what its versions of them ask for."""
    waiting, seen = list(names), set(carried)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            distribution = importlib.metadata.distribution(name)
            _link(distribution, packages)
            asked = [line for line in distribution.requires or () if "extra ==" not in line]
            waiting += [normal(match[0]) for line in asked if (match := NAME.match(line))]


def _link(distribution: importlib.metadata.Distribution, packages: Path) -> None:
    for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
        link = packages / top
        if not link.exists():
            link.symlink_to(Path(str(distribution.locate_file(top))).absolute())
