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

import PySide6
from PySide6.QtCore import qVersion

import engine
from desktop.language import QT_TR_NOOP, tr
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
    ENVIRONMENTS = "environments"
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
    """How one kind is told, not yet translated. A button's ``target`` here names the error's detail that fills it."""

    title: str
    buttons: tuple[Button, ...] = ()
    level: Literal["error", "warning", "info"] = "error"
    log: str = ""  # the detail that holds a log


_RETRY = Button(Do.RETRY, QT_TR_NOOP("Try again"))

ROWS: Mapping[str, _Row] = {
    "DiskFull": _Row(
        QT_TR_NOOP("The disk is too full"),
        (
            Button(Do.OPEN_FOLDER, QT_TR_NOOP("Open the folder"), "folder"),
            Button(Do.SETTINGS, QT_TR_NOOP("Change folder")),
            _RETRY,
        ),
    ),
    "NotEnoughMemory": _Row(
        QT_TR_NOOP("Not enough memory"), (Button(Do.SUGGESTION, QT_TR_NOOP("See what fits")), _RETRY)
    ),
    "AccessNeeded": _Row(
        QT_TR_NOOP("This model asks for permission"),
        (
            Button(Do.OPEN_ADDRESS, QT_TR_NOOP("Open its page"), "url"),
            Button(Do.TOKEN, QT_TR_NOOP("Enter an access token…")),
            _RETRY,
        ),
    ),
    "DamagedFile": _Row(QT_TR_NOOP("A file is damaged"), (Button(Do.LIBRARY, QT_TR_NOOP("Open the library")),)),
    "UnsupportedModel": _Row(
        QT_TR_NOOP("This model cannot be used that way"), (Button(Do.SUGGESTION, QT_TR_NOOP("See other formats")),)
    ),
    "ContextTooLong": _Row(
        QT_TR_NOOP("The conversation is too long"),
        (Button(Do.MAKE_ROOM, QT_TR_NOOP("Make room…")), Button(Do.NEW_CHAT, QT_TR_NOOP("New conversation"))),
    ),
    "WorkerCrashed": _Row(
        QT_TR_NOOP("The engine stopped"), (_RETRY, Button(Do.COPY, QT_TR_NOOP("Copy details"))), log="log"
    ),
    "Offline": _Row(
        QT_TR_NOOP("No connection"), (_RETRY, Button(Do.LIBRARY, QT_TR_NOOP("Open the library"))), "warning"
    ),
    "PackageMissing": _Row(
        QT_TR_NOOP("Something is not installed"),
        (Button(Do.ENVIRONMENTS, QT_TR_NOOP("Set up…"), "environment"), Button(Do.COPY, QT_TR_NOOP("Copy details"))),
        "warning",
    ),
    "DriverProblem": _Row(
        QT_TR_NOOP("The GPU driver does not fit"), (Button(Do.MACHINE, QT_TR_NOOP("See this machine")),), "warning"
    ),
    "NotFound": _Row(QT_TR_NOOP("Not found"), (Button(Do.LIBRARY, QT_TR_NOOP("Open the library")),)),
    "Refused": _Row(QT_TR_NOOP("That does not work"), (), "warning"),
    "InvalidForm": _Row(QT_TR_NOOP("The answer's form is wrong"), (), "warning"),
    "Cancelled": _Row(QT_TR_NOOP("Stopped"), (), "info"),
}


def broken_off() -> Fault:
    """Return the words for an answer that has no room left."""
    return Fault(
        tr("The context is full"),
        tr("The answer breaks off here. With more room it can go on."),
        (Button(Do.MAKE_ROOM, tr("Make room…")),),
        "warning",
    )


def fault_of(error: BaseException) -> Fault:
    """Return the words for an error; a bug gets a report as its details."""
    if not isinstance(error, EngineError):
        return Fault(
            tr("Halfbyte made a mistake"),
            tr("Your models and conversations are safe. Send us the report, so that we can mend it."),
            (Button(Do.REPORT, tr("Show the report")),),
            details=bug_report(error),
        )
    row = ROWS.get(error.kind) or _Row(QT_TR_NOOP("Something went wrong"))
    log = str(error.details.get(row.log, "")) if row.log else ""
    details = f"{error.kind}: {error.message}\n{error.hint}\n\n{log}".strip()
    filled = (_filled(button, error.details, details) for button in row.buttons)
    buttons = tuple(button for button in filled if button.target or button.do is not Do.ENVIRONMENTS)
    return Fault(tr(row.title), f"{error.message} {error.hint}".strip(), buttons, row.level, details)


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
        "PySide6": PySide6.__version__,
        "llama-cpp-python": _version_of("llama-cpp-python"),
    }
    return "\n".join(f"{name} {version}" for name, version in lines.items())


def _filled(button: Button, details: Mapping[str, Any], text: str) -> Button:
    target = text if button.do is Do.COPY else str(details.get(button.target, "")) if button.target else ""
    return Button(button.do, tr(button.label), target)


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
