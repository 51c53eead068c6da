"""What a move has done, on the disk: a move that was killed is found at the next start and goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.catalog.state_file import StateFile
from engine.paths import folders

COPYING, RENAMING, REMOVING = "copying", "renaming", "removing"


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that is verified in the new place: size and time of the original, and the hash of both."""

    size_bytes: int
    changed_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A move that has begun.

    While it is ``copying`` the old folder is the library and whole; while it is ``removing`` the new one is. One that
    is ``renaming`` has its files in both, and is finished at the next start.
    """

    source: Path
    target: Path
    stage: str = COPYING
    copied: Mapping[str, Copied] = field(default_factory=dict)


class Journal:
    """Kept in ``move.json`` of the app's data: one move at a time."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = StateFile(file or folders().data / "move.json")

    def begun(self) -> Begun | None:
        """Return the move that was not finished, ``None`` if there is none."""
        state = self._file.read()
        try:
            copied = {name: Copied(**entry) for name, entry in state.get("copied", {}).items()}
            stage = state.get("stage")
            known = stage if stage in (RENAMING, REMOVING) else COPYING
            return Begun(Path(state["source"]), Path(state["target"]), known, copied)
        except (KeyError, TypeError, AttributeError):
            return None

    def begin(self, source: Path, target: Path, stage: str = COPYING) -> bool:
        """Write down that a move begins, and return whether that was possible."""
        return self._file.change(lambda state: _begin(state, source, target, stage))

    def note(self, name: str, copied: Copied) -> None:
        entry = {"size_bytes": copied.size_bytes, "changed_ns": copied.changed_ns, "sha256": copied.sha256}
        self._file.change(lambda state: state.setdefault("copied", {}).update({name: entry}))

    def switch(self) -> bool:
        """Write down that the new folder is the library now."""
        return self._file.change(lambda state: state.update(stage=REMOVING))

    def end(self) -> None:
        self._file.change(lambda state: state.clear())


def _begin(state: dict[str, Any], source: Path, target: Path, stage: str) -> None:
    state.clear()
    state.update(source=str(source), target=str(target), stage=stage, copied={})
