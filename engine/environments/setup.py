"""Sets an environment up: made under a temporary name, checked, then named; what was fetched before a kill is used.

uv keeps each whole package in its cache, so that a set-up that was ended goes on after the last of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from engine.environments.check import ask, installed, refuse_others
from engine.environments.described import Environment
from engine.environments.places import RECORD, Found, cache, find, folder_of, root
from engine.environments.plan import UNPACKED, SetUpPlan
from engine.environments.running import Running
from engine.errors import Refused
from engine.events import Event, Finished, Notice, Progress
from engine.pace import Pace

FETCHING, INSTALLING, CHECKING = "Fetching packages", "Installing", "Checking"
_WHOLE = re.compile(r"^\s*(?:Downloaded|Built) (?P<name>[\w.-]+)")


class SetUp:
    """A job: ``Finished(Found)``. Raises the plan's problem, :class:`Cancelled`, and what uv's failures mean."""

    def __init__(self, plan: SetUpPlan) -> None:
        self.plan = plan
        self._running = Running()

    def cancel(self) -> None:
        """Stop at once; what is fetched stays for the next time, or until the environment is removed."""
        self._running.cancel()

    def __iter__(self) -> Iterator[Event]:
        plan = self.plan
        if plan.problem:
            raise plan.problem
        root().mkdir(parents=True, exist_ok=True)
        with _alone(plan.environment):
            part = folder_of(plan.environment).with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            try:
                yield from self._make(part)
                _name(part, plan.environment)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        yield Finished(find(plan.environment))

    def _make(self, part: Path) -> Iterator[Event]:
        plan = self.plan
        self._running.finish("making the environment", "venv", str(part), "--python", plan.python, "--no-project")
        lock = part / "pylock.toml"
        lock.write_text(plan.lock, "utf-8")
        yield from self._fetch(part, lock)
        yield Progress(CHECKING, 0, None, "steps")
        refuse_others(part, plan.packages, installed(part))
        for name in plan.environment.imports:
            self._running.check()
            ask(part, f"import {name}")
        self._running.check()
        _write_record(part, plan)

    def _fetch(self, part: Path, lock: Path) -> Iterator[Event]:
        """Let uv fetch and install. Bytes are those of whole packages, and between them what it has written since."""
        plan = self.plan
        sizes = {package.name: package.download_bytes or 0 for package in plan.packages if not package.fetched}
        total = sum(sizes.values())
        pace, whole = Pace(FETCHING, total), 0
        yield pace.at(0)
        sync = ("pip", "sync", str(lock), "--python", str(part), "--no-progress")
        for line in self._running.lines("fetching packages", *sync):
            if line is not None and (match := _WHOLE.match(line)):
                whole += sizes.get(match["name"].lower(), 0)
            if line is not None and line.startswith("Prepared"):
                yield pace.at(total)
                yield Progress(INSTALLING, 0, None, "files")
            elif line is not None and line.startswith("warning:"):
                yield Notice(line.removeprefix("warning:").strip(), "warning")
            elif total:
                yield pace.at(min(0.99 * total, max(whole, self._running.written_bytes() / UNPACKED)))


def remove(environment: Environment) -> Found:
    """Remove an environment and what waits in the cache; the files of another one stay. Raises :class:`Refused`."""
    with _alone(environment):
        for folder in (folder_of(environment), folder_of(environment).with_suffix(".part"), cache()):
            if folder.exists():
                shutil.rmtree(_moved_aside(folder), ignore_errors=True)
    return find(environment)


def disk_bytes(folder: Path) -> int:
    """Return the bytes of all files under a folder, each counted once."""
    seen: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                stat = os.lstat(os.path.join(place, name))  # noqa: PTH118 (tens of thousands of files)
                seen[stat.st_dev, stat.st_ino] = stat.st_size
    return sum(seen.values())


@contextlib.contextmanager
def _alone(environment: Environment) -> Iterator[None]:
    """Hold an environment's lock. Raises :class:`Refused` if another process does."""
    root().mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder_of(environment).with_suffix(".lock"), timeout=0):
            yield
    except Timeout:
        raise Refused(f"The {environment.title} is being changed already.", "Wait until that has ended.") from None


def _write_record(part: Path, plan: SetUpPlan) -> None:
    record = {
        "environment": plan.environment.name,
        "pins_sha256": plan.environment.pins_sha256,
        "python": plan.python,
        "packages": {package.name: package.version for package in plan.packages},
        "disk_bytes": disk_bytes(part),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (part / RECORD).write_text(json.dumps(record, indent=1), "utf-8")


def _name(part: Path, environment: Environment) -> None:
    """Give the environment its name; the one that it takes the place of goes last. Raises :class:`Refused`."""
    target = folder_of(environment)
    old = _moved_aside(target) if target.exists() else None
    part.rename(target)
    if old:
        shutil.rmtree(old, ignore_errors=True)


def _moved_aside(folder: Path) -> Path:
    """Take a folder its name in one step, so that nobody finds half of it; :class:`Refused` while something uses it."""
    aside = folder.with_name(f"{folder.name}.removed-{os.getpid()}")
    try:
        return folder.rename(aside)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be removed: {error.strerror or error}.", "End what uses it, then try again."
        ) from error
