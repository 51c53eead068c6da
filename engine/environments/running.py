"""One run of uv at a time, which can be ended from another thread."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
from collections.abc import Iterator

import psutil

from engine.environments import uv
from engine.errors import Cancelled

LOOK_S = 0.25


class Running:
    """Starts uv and reads what it says; :meth:`cancel` ends it with whatever it started."""

    def __init__(self) -> None:
        self.cancelled = False
        self._process: subprocess.Popen[str] | None = None

    def cancel(self) -> None:
        """End uv at once: what it has fetched whole stays in its cache."""
        self.cancelled = True
        if self._process:
            end(self._process)

    def finish(self, doing: str, *arguments: str) -> str:
        """Run uv to its end and return what it said."""
        return "\n".join(line for line in self.lines(doing, *arguments) if line is not None)

    def lines(self, doing: str, *arguments: str) -> Iterator[str | None]:
        """Yield what uv says, and ``None`` four times a second while it says nothing.

        Raises :class:`Cancelled`, or what :func:`engine.environments.uv.failure` makes of its words.
        """
        self.check()
        self._process = process = uv.start(*arguments)
        said: list[str] = []
        try:
            for line in _read(process):
                self.check()
                if line is not None:
                    said.append(line)
                yield line
            code = process.wait()
        finally:
            end(process)
        self.check()
        if code:
            raise uv.failure("\n".join(said), doing)

    def written_bytes(self) -> int:
        """Return what the running uv has written to disk; 0 where the system does not tell."""
        with contextlib.suppress(psutil.Error, AttributeError, NotImplementedError):
            if self._process:
                counters = psutil.Process(self._process.pid).io_counters()  # pyright: ignore[reportAttributeAccessIssue]
                return int(getattr(counters, "write_chars", counters.write_bytes))
        return 0

    def check(self) -> None:
        """Raise :class:`Cancelled` once it is."""
        if self.cancelled:
            raise Cancelled("The set-up")


def end(process: subprocess.Popen[str]) -> None:
    """End a process and what it started: a build of a package runs in a Python of its own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        for one in (*parent.children(recursive=True), parent):
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
    process.wait()


def _read(process: subprocess.Popen[str]) -> Iterator[str | None]:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    ended = object()

    def read() -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                lines.put(line.rstrip())
        lines.put(ended)  # type: ignore[arg-type]

    threading.Thread(target=read, daemon=True, name="uv").start()
    while True:
        try:
            line = lines.get(timeout=LOOK_S)
        except queue.Empty:
            yield None
            continue
        if line is ended:
            return
        yield line
