"""What can go wrong in the world, as values that carry their data.

An :class:`EngineError` is the world's fault: a full disk, a missing driver, a damaged file. Its message names the cause
and its hint the next step. Whatever else escapes is our own bug and is shown as one.

An error is its details: the keyword arguments of its constructor rebuild it on the other side of a process boundary.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, ClassVar

from engine.quantities import size


class EngineError(Exception):
    """Report a failure that the person can do something about.

    ``details`` are JSON values and exactly the keyword arguments of the subclass's constructor.
    """

    kinds: ClassVar[dict[str, type[EngineError]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        EngineError.kinds[cls.__name__] = cls

    def __init__(self, message: str, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    @property
    def kind(self) -> str:
        return type(self).__name__

    def as_record(self) -> dict[str, Any]:
        """Return the error as JSON values, for the wire and for logs."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint, "details": self.details}


def from_record(record: Mapping[str, Any]) -> EngineError:
    """Rebuild an error from :meth:`EngineError.as_record`; an unknown kind keeps its words."""
    kind = EngineError.kinds.get(record["kind"])
    if kind is None:
        return EngineError(record["message"], record.get("hint", ""), **record.get("details", {}))
    return kind(**record["details"])


def _because(reason: str) -> str:
    return f": {reason.rstrip('.')}." if reason else "."


class DiskFull(EngineError):
    """Say that a folder's disk has less room than a job needs (bytes)."""

    def __init__(self, needed_bytes: int, free_bytes: int, folder: str) -> None:
        super().__init__(
            f"The disk of {folder} has {size(free_bytes)} free; {size(needed_bytes)} are needed.",
            "Free some space or choose another folder, then try again. Nothing was lost.",
            needed_bytes=needed_bytes,
            free_bytes=free_bytes,
            folder=folder,
        )


class NotEnoughMemory(EngineError):
    """Say that memory ran out or would; ``largest_context`` is what would still fit (tokens; 0: nothing fits).

    ``instead`` is a sentence about what would fit where no context is in question.
    """

    def __init__(
        self, needed_bytes: int, free_bytes: int, largest_context: int = 0, where: str = "memory", instead: str = ""
    ) -> None:
        needs = f"{size(needed_bytes)} of {where} are needed" if needed_bytes else f"The {where} ran out"
        hint = (
            f"A context of {largest_context:,} tokens would fit."
            if largest_context
            else instead or "Close other programs, or choose a smaller model or format."
        )
        free = f"; {size(free_bytes)} are free" if needed_bytes or free_bytes else ""
        super().__init__(
            f"{needs}{free}.",
            hint,
            needed_bytes=needed_bytes,
            free_bytes=free_bytes,
            largest_context=largest_context,
            where=where,
            instead=instead,
        )


class AccessNeeded(EngineError):
    """Say that a repository is gated or private."""

    def __init__(self, repo: str, url: str) -> None:
        super().__init__(
            f"{repo} is gated or private.",
            f"Accept its licence at {url}, then give Halfbyte your access token: halfbyte token",
            repo=repo,
            url=url,
        )


class DamagedFile(EngineError):
    """Say that a file is not what it should be; ``expected`` and ``found`` are what was compared, in words."""

    def __init__(self, file: str, expected: str, found: str) -> None:
        super().__init__(
            f"{file} is damaged: expected {expected}, found {found}.",
            "Get the file again; what else is in the library is untouched.",
            file=file,
            expected=expected,
            found=found,
        )


class UnsupportedModel(EngineError):
    """Say that a back end or the converter does not know a model's architecture."""

    def __init__(self, architecture: str, backend: str, reason: str = "") -> None:
        super().__init__(
            f"{backend} cannot use a model of the architecture “{architecture}”" + _because(reason),
            "Choose another format of this model, or another model.",
            architecture=architecture,
            backend=backend,
            reason=reason,
        )


class ContextTooLong(EngineError):
    """Say that a prompt fills more than the context window (both in tokens); ``at_least``: not all was counted."""

    def __init__(self, used: int, limit: int, at_least: bool = False) -> None:
        taken = f"{limit:,} tokens and more" if at_least else f"{used:,} tokens"
        super().__init__(
            f"The conversation takes {taken}; the context window holds {limit:,}.",
            "Choose a larger context or what to leave out, or begin a new conversation. Nothing was cut.",
            used=used,
            limit=limit,
            at_least=at_least,
        )


class WorkerCrashed(EngineError):
    """Say that a worker process ended by itself; ``exit_code`` is negative for a signal, ``log`` its last lines."""

    def __init__(self, exit_code: int, log: str, doing: str = "work", reason: str = "") -> None:
        how = reason or (f"signal {-exit_code}" if exit_code < 0 else f"exit code {exit_code}")
        super().__init__(
            f"The worker process stopped during {doing} ({how}).",
            "Try again: a new worker is started. If it happens each time, copy the details into a bug report.",
            exit_code=exit_code,
            log=log,
            doing=doing,
            reason=reason,
        )


class Offline(EngineError):
    """Say that a host could not be reached, and why where that is known."""

    def __init__(self, host: str, reason: str = "") -> None:
        super().__init__(
            f"{host} cannot be reached" + _because(reason),
            "Check the connection. Models in the library work without it.",
            host=host,
            reason=reason,
        )


SET_UP = "halfbyte environments set-up"
ENVIRONMENT_OF = {"cuda": "cuda", "gptq": "cuda"}  # one has both groups


def set_up_words(environment: str, them: str = "them") -> str:
    """Return the sentence that leads from missing packages to the environment that has them."""
    return f"The Machine page sets {them} up, or: {SET_UP} {environment}."


def from_source(extra: str) -> str:
    """Return how a group of pyproject.toml is added, which nothing but the source can take."""
    return f"pip install -e '.[{extra}]' in the folder of Halfbyte's source"


def _remedy(package: str, extra: str, environment: str, them: str) -> str:
    if environment:
        return set_up_words(environment, them)
    if extra:
        return f"Where Halfbyte runs from its source: {from_source(extra)}."
    if getattr(sys, "frozen", False) or " " in package:
        return "Install Halfbyte again, which brings it."
    return f"Install {them} with: pip install {package.replace(',', '')}"


class PackageMissing(EngineError):
    """Say that optional packages are not installed; ``extra`` is the group of pyproject.toml that has them.

    ``package`` names one, or several parted by commas; ``environment`` is the one that the app sets up with them.
    """

    def __init__(self, package: str, extra: str = "", reason: str = "", environment: str = "") -> None:
        environment = environment or ENVIRONMENT_OF.get(extra, "")
        what, them = ("packages", "them") if ", " in package else ("package", "it")
        super().__init__(
            f"The {what} {package} cannot be loaded" + _because(reason),
            _remedy(package, extra, environment, them),
            package=package,
            extra=extra,
            reason=reason,
            environment=environment,
        )


class DriverProblem(EngineError):
    """Say that a GPU driver is missing or too old."""

    def __init__(self, found: str, needed: str) -> None:
        super().__init__(
            f"The GPU driver is {found}; {needed} is needed.",
            "Update the driver, or run on the CPU meanwhile.",
            found=found,
            needed=needed,
        )


class NotFound(EngineError):
    """Say that a model, file or folder is not there; ``where`` is the place that was searched."""

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(
            f"{what} was not found" + (f" in {where}." if where else "."),
            hint or "Check the name.",
        )
        self.details = {"what": what, "where": where, "hint": hint}


class Refused(EngineError):
    """Say that a request cannot be carried out as it was made; ``hint`` is what to do instead."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason, hint)
        self.details = {"reason": reason, "hint": hint}


class InvalidForm(EngineError):
    """Say that the form an answer shall have is wrong; ``line`` and ``column`` count from 1, 0 where it is not known.

    ``what`` is “grammar” or “JSON schema”.
    """

    def __init__(self, what: str, reason: str, line: int = 0, column: int = 0) -> None:
        where = f" in line {line}, column {column}" if line else ""
        super().__init__(
            f"The {what} is wrong{where}: {reason.rstrip('.')}.",
            "Correct it, or ask without it.",
            what=what,
            reason=reason,
            line=line,
            column=column,
        )


class Cancelled(EngineError):
    """Say that the person stopped a job."""

    def __init__(self, doing: str = "The job") -> None:
        super().__init__(f"{doing} was cancelled.", doing=doing)
