"""Where a download lies until it is whole: ``<library>/.downloads/<plan>/``, on the library's own disk.

Files are called by their content's hash, so a name of the repository has no say here, and a part of an older commit's
file is continued if the new one's is the same. ``.part`` is under way, with its ``.blocks`` beside it; ``.whole`` is
complete and checked. ``plan.json`` says what it all is for: unfinished downloads are found again by it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from engine.catalog.download.plan import DownloadPlan, plan_of
from engine.catalog.hub.values import RemoteFile
from engine.catalog.names import DOWNLOADS, place_below
from engine.errors import EngineError, Refused


@dataclass(frozen=True, slots=True)
class Staging:
    """The folder of one download."""

    folder: Path

    @classmethod
    def of(cls, library: Path, plan: DownloadPlan) -> Staging:
        return cls(library / DOWNLOADS / place_below(library, plan.id).name)

    @contextlib.contextmanager
    def claimed(self, plan: DownloadPlan) -> Iterator[None]:
        """Hold the folder while the block runs. Raises :class:`Refused` if somebody else fetches the same."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.folder}.lock", timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise Refused(f"{plan.title} is already being fetched.", "Wait for it, or stop it first.") from None
        try:
            self.remember(plan)
            yield
        finally:
            with contextlib.suppress(OSError):
                Path(lock.lock_file).unlink()  # while it is held: whoever waits for it notices
            lock.release()
            with contextlib.suppress(OSError):
                self.folder.parent.rmdir()  # the last one out

    def part(self, file: RemoteFile) -> Path:
        return self._named(file, ".part")

    def blocks(self, file: RemoteFile) -> Path:
        return self._named(file, ".blocks")

    def whole(self, file: RemoteFile) -> Path:
        return self._named(file, ".whole")

    def finish(self, file: RemoteFile) -> None:
        """Mark a part as complete and checked."""
        self.part(file).replace(self.whole(file))
        self.blocks(file).unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw away what was fetched so far."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def plan(self) -> DownloadPlan | None:
        """Return what the folder is for; ``None`` if it does not say so."""
        try:
            return plan_of(json.loads((self.folder / "plan.json").read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, plan: DownloadPlan) -> None:
        """Write down what the folder is for, so that it is found after a restart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f"plan.{os.getpid()}.tmp"
        temporary.write_text(json.dumps(plan.as_record(), indent=1), "utf-8")
        temporary.replace(self.folder / "plan.json")

    def _named(self, file: RemoteFile, ending: str) -> Path:
        return self.folder / f"{file.content[:40]}{ending}"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A download that was paused, failed or killed. ``done_bytes`` are on the disk."""

    plan: DownloadPlan
    done_bytes: int


def unfinished(library: Path) -> tuple[Unfinished, ...]:
    """Return the downloads of a library that can be continued, oldest first."""
    folders = [path for path in (library / DOWNLOADS).glob("*") if path.is_dir()]
    found = []
    for folder in sorted(folders, key=lambda path: path.stat().st_mtime):
        plan = Staging(folder).plan()
        if plan is not None and _is_own(library, folder, plan):
            found.append(Unfinished(plan, done_bytes(Staging(folder), plan)))
    return tuple(found)


def done_bytes(staging: Staging, plan: DownloadPlan) -> int:
    """Return how much of a plan is already here, in bytes."""
    from engine.catalog.download.blocks import recorded_bytes

    return sum(
        file.size_bytes if staging.whole(file).exists() else recorded_bytes(staging.blocks(file), file)
        for file in plan.files
    )


def _is_own(library: Path, folder: Path, plan: DownloadPlan) -> bool:
    try:
        return Staging.of(library, plan).folder == folder
    except EngineError:
        return False
