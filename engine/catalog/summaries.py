"""What models' headers say, in short, kept so that a list of hundreds opens at once.

A summary holds as long as the files keep their sizes and times. The file of them is a cache: it may be deleted.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.catalog.checkpoint import COMPANION, DAMAGED, UNSUPPORTED
from engine.catalog.facts import NO_LANGUAGE_MODEL, read_facts
from engine.catalog.state_file import StateFile
from engine.errors import EngineError, UnsupportedModel
from engine.paths import folders

KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Summary:
    """``problem`` is why the model cannot be used, in a sentence; empty if nothing is wrong."""

    format_id: str
    problem: str = ""
    architecture: str = ""
    parameters: int = 0
    trained_context: int = 0
    licence: str = ""


class Summaries:
    """Thread-safe; :meth:`keep` writes what was read since."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = StateFile(file or folders().cache / "headers.json")
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] | None = None
        self._new: dict[str, dict[str, Any]] = {}

    def of(self, path: Path, files: Sequence[Path]) -> Summary:
        """Return the summary of the model at ``path``, which consists of these files."""
        key, stamp = str(path), _stamp(files)
        with self._lock:
            if self._known is None:
                models = self._file.read().get("models")
                self._known = models if isinstance(models, dict) else {}
            kept = self._known.get(key)
        if summary := _restored(kept, stamp):
            return summary
        summary = summarized(path)
        with self._lock:
            self._known[key] = self._new[key] = {"stamp": stamp, **asdict(summary)}
        return summary

    def keep(self) -> None:
        with self._lock:
            new, self._new = self._new, {}
        if new:
            self._file.change(lambda state: _add(state, new))


def summarized(path: Path) -> Summary:
    """Read a model's headers; what cannot be read is damaged, and the summary says how."""
    try:
        facts = read_facts(path)
    except UnsupportedModel as error:
        companion = error.details["architecture"] in NO_LANGUAGE_MODEL
        return Summary(COMPANION if companion else UNSUPPORTED, error.message)
    except EngineError as error:
        return Summary(DAMAGED, error.message)
    except OSError as error:
        return Summary(DAMAGED, f"{path.name} cannot be read: {error.strerror or error}.")
    return Summary(facts.format_id, "", facts.architecture, facts.parameters, facts.trained_context, facts.licence)


def _add(state: dict[str, Any], new: dict[str, dict[str, Any]]) -> None:
    models = state.get("models")
    merged = {**models, **new} if isinstance(models, dict) else new
    state["models"] = dict(list(merged.items())[-KEPT:])


def _stamp(files: Sequence[Path]) -> list[list[int]]:
    stamp = []
    for file in files:
        try:
            found = file.stat()
            stamp.append([found.st_size, found.st_mtime_ns])
        except OSError:
            stamp.append([-1, 0])
    return stamp


def _restored(kept: Any, stamp: list[list[int]]) -> Summary | None:
    if not isinstance(kept, dict) or kept.get("stamp") != stamp:
        return None
    try:
        return Summary(**{key: value for key, value in kept.items() if key != "stamp"})
    except TypeError:  # another version wrote it
        return None
