"""What Halfbyte notes about models in its own folder: when each was last used, and fingerprints of others' files.

The notes are worth keeping and never needed: a model works without them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.catalog.state_file import StateFile
from engine.paths import folders

KEPT = 10_000


class Notes:
    """``used_s`` is in seconds since 1970; ``files`` is what a record has: names below the model and their hashes."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = StateFile(file or folders().data / "models.json")

    def all(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the notes by path."""
        models = self._file.read().get("models")
        found = models if isinstance(models, dict) else {}
        return {path: note for path, note in found.items() if isinstance(note, dict)}

    def used_s(self, path: Path) -> float:
        """Return when a model was last loaded, 0 if that is not known."""
        return used_s(self.all().get(str(path), {}))

    def note_use(self, path: Path, now_s: float | None = None) -> bool:
        return self._note(path, {"used_s": time.time() if now_s is None else now_s})

    def note_files(self, path: Path, files: Mapping[str, Mapping[str, Any]]) -> bool:
        """Note the fingerprints of a model that lies in another app's folder, where Halfbyte writes nothing."""
        return self._note(path, {"files": dict(files)})

    def note_removed(self, path: Path, removed: bool = True) -> bool:
        """Note that the person deleted a model, so that Halfbyte does not put it there again by itself."""
        return self._note(path, {"removed": removed})

    def is_removed(self, path: Path) -> bool:
        return self.all().get(str(path), {}).get("removed") is True

    def move(self, before: Path, after: Path) -> None:
        """Let notes follow a library that was moved."""

        def change(state: dict[str, Any]) -> None:
            models = state.get("models", {})
            moved = {str(_followed(Path(path), before, after)): note for path, note in models.items()}
            state["models"] = moved

        self._file.change(change)

    def _note(self, path: Path, note: dict[str, Any]) -> bool:
        def change(state: dict[str, Any]) -> None:
            models = state.get("models")
            models = models if isinstance(models, dict) else {}
            kept = models.pop(str(path), {})
            models[str(path)] = {**(kept if isinstance(kept, dict) else {}), **note}
            state["models"] = dict(list(models.items())[-KEPT:])

        return self._file.change(change)


def used_s(note: Mapping[str, Any]) -> float:
    value = note.get("used_s", 0)
    return float(value) if isinstance(value, int | float) else 0.0


def _followed(path: Path, before: Path, after: Path) -> Path:
    return after / path.relative_to(before) if path.is_relative_to(before) else path
