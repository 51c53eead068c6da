"""Reports of the window's own crashes: kept here, shown at the next start, sent nowhere.

A report has the versions, the machine, the frames and the end of the log; nothing of what anybody wrote. A crash in
native code is noted by :mod:`faulthandler` and becomes a report when the window starts again.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import platform
import time
from pathlib import Path
from typing import TextIO

import psutil

from desktop import logs
from desktop.faults import Fault, versions
from desktop.language import tr
from desktop.quantities import size

MOST_REPORTS = 5
_NATIVE = "native-crash.txt"
_UNSEEN, _SEEN = "unseen-crash-", "crash-"


class CrashReports:
    """The reports in the log's folder. None of its methods raises: there is enough wrong when they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._native: TextIO | None = None

    def arm(self) -> None:
        """Make a report of the native crash before, if there was one, and watch for the next."""
        file = self.folder / _NATIVE
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            if file.exists() and (text := file.read_text("utf-8", "replace").strip()):
                self._write(f"Crash in native code\n\n{text}")
            self._native = file.open("w", encoding="utf-8")
            faulthandler.enable(self._native)

    def disarm(self) -> None:
        """End the watch: what comes now is the end of the process."""
        if self._native:
            faulthandler.disable()
            self._native.close()
            with contextlib.suppress(OSError):
                (self.folder / _NATIVE).unlink()
            self._native = None

    def keep(self, error: BaseException) -> None:
        """Write a report of a mistake that nobody caught."""
        logs.LOG.error("Nobody caught: %s", logs.trace(error))
        self._write(logs.trace(error))

    def unseen(self) -> Fault | None:
        """Return the newest report that nobody has seen, in words."""
        files = sorted(self.folder.glob(f"{_UNSEEN}*.txt"))
        with contextlib.suppress(OSError):
            if files:
                return Fault(
                    tr("Halfbyte ended unexpectedly"),
                    tr(
                        "Your models and conversations are kept. This report stays on your computer, and holds nothing "
                        "that you wrote; to help us mend it, copy it and send it to us."
                    ),
                    details=files[-1].read_text("utf-8", "replace"),
                )
        return None

    def mark_seen(self) -> None:
        for file in self.folder.glob(f"{_UNSEEN}*.txt"):
            with contextlib.suppress(OSError):
                file.replace(file.with_name(_SEEN + file.name.removeprefix(_UNSEEN)))

    def _write(self, trace: str) -> None:
        text = "\n\n".join([versions(), machine_line(), trace, "The end of the log:", logs.tail(self.folder)])
        stamp = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{_UNSEEN}{stamp}.txt").write_text(text + "\n", "utf-8")
            reports = sorted(self.folder.glob("*crash-2*.txt"), key=lambda file: file.stat().st_mtime)
            for old in reports[:-MOST_REPORTS]:
                old.unlink()


def machine_line() -> str:
    """Return the machine without a look at its devices, which may be what crashed."""
    memory = psutil.virtual_memory()
    return f"{platform.machine()}, {os.cpu_count()} threads, {size(memory.available)} of {size(memory.total)} free"


def last_report(folder: Path) -> str:
    """Return the newest report, seen or not; empty if there is none."""
    with contextlib.suppress(OSError):
        if files := sorted(folder.glob("*crash-2*.txt"), key=lambda file: file.stat().st_mtime):
            return files[-1].read_text("utf-8", "replace").strip()
    return ""
