"""Turn an error into words: the one place where the window says what went wrong and what to do next.

Each kind of :class:`engine.errors.EngineError` has one row. Anything else is our own bug: it has a report to copy.
"""

from __future__ import annotations

import platform
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from typing import Any, Literal

from PySide6.QtCore import qVersion

import engine
from engine.errors import EngineError
from engine.process.host import BugError


class Do(Enum):
    """What a fault's button does.

    The banner carries out ``COPY`` and ``REPORT``, its page ``RETRY``, the window the others.
    """

    RETRY = "retry"
    SETTINGS = "settings"
    SUGGESTION = "suggestion"
    LIBRARY = "library"
    MACHINE = "machine"
    NEW_CHAT = "new chat"
    MAKE_ROOM = "make room"
    TOKEN = "token"
    OPEN_FOLDER = "open folder"
    OPEN_ADDRESS = "open address"
    COPY = "copy"
    REPORT = "report"


@dataclass(frozen=True, slots=True)
class Button:
    """A way on. ``target`` is the folder, address or text that it is about."""

    do: Do
    label: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as a person reads it: what happened, why and what next, and the ways on. ``details`` can be copied."""

    title: str
    sentence: str
    buttons: tuple[Button, ...] = ()
    level: Literal["error", "warning", "info"] = "error"
    details: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """How one kind is told. A button's ``target`` here is the name of the error's detail that fills it."""

    title: str
    buttons: tuple[Button, ...] = ()
    level: Literal["error", "warning", "info"] = "error"
    log: str = ""  # the detail that holds a log


_RETRY = Button(Do.RETRY, "Try again")

ROWS: Mapping[str, _Row] = {
    "DiskFull": _Row(
        "The disk is too full",
        (Button(Do.OPEN_FOLDER, "Open the folder", "folder"), Button(Do.SETTINGS, "Change folder"), _RETRY),
    ),
    "NotEnoughMemory": _Row("Not enough memory", (Button(Do.SUGGESTION, "See what fits"), _RETRY)),
    "AccessNeeded": _Row(
        "This model asks for permission",
        (Button(Do.OPEN_ADDRESS, "Open its page", "url"), Button(Do.TOKEN, "Enter an access token…"), _RETRY),
    ),
    "DamagedFile": _Row("A file is damaged", (Button(Do.LIBRARY, "Open the library"),)),
    "UnsupportedModel": _Row("This model cannot be used that way", (Button(Do.SUGGESTION, "See other formats"),)),
    "ContextTooLong": _Row(
        "The conversation is too long",
        (Button(Do.MAKE_ROOM, "Make room…"), Button(Do.NEW_CHAT, "New conversation")),
    ),
    "WorkerCrashed": _Row("The engine stopped", (_RETRY, Button(Do.COPY, "Copy details")), log="log"),
    "Offline": _Row("No connection", (_RETRY, Button(Do.LIBRARY, "Open the library")), "warning"),
    "PackageMissing": _Row("Something is not installed", (Button(Do.COPY, "Copy details"),), "warning"),
    "DriverProblem": _Row("The GPU driver does not fit", (Button(Do.MACHINE, "See this machine"),), "warning"),
    "NotFound": _Row("Not found", (Button(Do.LIBRARY, "Open the library"),)),
    "Refused": _Row("That does not work", (), "warning"),
    "InvalidForm": _Row("The answer's form is wrong", (), "warning"),
    "Cancelled": _Row("Stopped", (), "info"),
}


BROKEN_OFF = Fault(
    "The context is full",
    "The answer breaks off here. With more room it can go on.",
    (Button(Do.MAKE_ROOM, "Make room…"),),
    "warning",
)


def fault_of(error: BaseException) -> Fault:
    """Return the words for an error; a bug gets a report as its details."""
    if not isinstance(error, EngineError):
        return Fault(
            "Halfbyte made a mistake",
            "Your models and conversations are safe. Send us the report, so that we can mend it.",
            (Button(Do.REPORT, "Show the report"),),
            details=bug_report(error),
        )
    row = ROWS.get(error.kind) or _Row("Something went wrong")
    log = str(error.details.get(row.log, "")) if row.log else ""
    details = f"{error.kind}: {error.message}\n{error.hint}\n\n{log}".strip()
    buttons = tuple(_filled(button, error.details, details) for button in row.buttons)
    return Fault(row.title, f"{error.message} {error.hint}".strip(), buttons, row.level, details)


def is_bug(error: BaseException) -> bool:
    return not isinstance(error, EngineError)


def bug_report(error: BaseException) -> str:
    """Return the versions and the traceback; for a worker's bug, the worker's traceback as well."""
    trace = "".join(traceback.format_exception(error))
    remote = f"\nIn the worker:\n{error.details}" if isinstance(error, BugError) else ""
    return f"{versions()}\n\n{trace}{remote}".strip()


def versions() -> str:
    """Return what runs here, one line each; nothing that names the person."""
    lines = {
        "Halfbyte": engine.__version__,
        "System": platform.platform(),
        "Python": platform.python_version(),
        "Qt": qVersion(),
        "PySide6": _version_of("PySide6-Essentials"),
        "llama-cpp-python": _version_of("llama-cpp-python"),
    }
    return "\n".join(f"{name} {version}" for name, version in lines.items())


def _filled(button: Button, details: Mapping[str, Any], text: str) -> Button:
    if button.do is Do.COPY:
        return Button(button.do, button.label, text)
    return Button(button.do, button.label, str(details.get(button.target, ""))) if button.target else button


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
