"""The window's log: what ran and what failed, without what anybody wrote, so that a person may send it as it is.

Never logged: messages of a conversation, titles, tokens, settings' texts. A failure is its kind and its numbers; our
own mistake is its frames. The log is bounded to four files of :data:`MOST_BYTES`.
"""

from __future__ import annotations

import contextlib
import logging
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from desktop.jobs import Jobs, JobThread
from engine.errors import Cancelled, EngineError

LOG = logging.getLogger("halfbyte")
MOST_BYTES = 256 * 1024
KEPT_FILES = 3
_NAME = "window.log"
_MOST_CAUSES = 5
# Python and Qt make these messages from names in the code; those of others may hold what a person wrote.
_SAFE_MESSAGES = (AttributeError, NameError, ImportError, IndexError, ZeroDivisionError, RecursionError)


def open_log(folder: Path) -> logging.Handler:
    """Begin to log into a folder. A folder that cannot be written costs the log, never the start."""
    handler: logging.Handler = logging.NullHandler()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(folder / _NAME, "a", MOST_BYTES, KEPT_FILES, "utf-8", delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    return handler


def close_log(handler: logging.Handler) -> None:
    LOG.removeHandler(handler)
    handler.close()


def tail(folder: Path, lines: int = 60) -> str:
    """Return the newest lines of the log."""
    try:
        text = (folder / _NAME).read_text("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def told(error: BaseException) -> str:
    """Return a failure as it may be logged: kind and numbers, or the frames of our own mistake."""
    if isinstance(error, EngineError):
        numbers = [f"{name}={value}" for name, value in error.details.items() if isinstance(value, int | float)]
        return " ".join([error.kind, *numbers])
    return trace(error)


def trace(error: BaseException | None) -> str:
    """Return an exception with its causes as frames and types, in the order of Python's own traceback."""
    blocks: list[str] = []
    while error is not None and len(blocks) < _MOST_CAUSES:
        frames = "".join(traceback.format_tb(error.__traceback__))
        words = str(error) if type(error) in _SAFE_MESSAGES else f"({len(str(error))} characters left out)"
        blocks.append(f"{frames}{type(error).__qualname__}: {words}")
        error = error.__cause__ or error.__context__
    return "\n\nwhich came of\n\n".join(blocks).replace(str(Path.home()), "~")


class Journal(QObject):
    """Log how jobs fail."""

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(jobs)
        jobs.started.connect(self._on_started)

    @Slot(JobThread)
    def _on_started(self, thread: JobThread) -> None:
        thread.failed.connect(self._on_failed)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            LOG.warning("A job failed: %s", told(error))
