"""A small library of named things in a state file: presets of sampling, system prompts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from engine.catalog.state_file import StateFile
from engine.errors import NotFound, Refused

Thing = TypeVar("Thing")

NAME_LETTERS = 60
KEPT = 500


class Shelf(Generic[Thing]):
    """Things by name, the bundled ones first, then in the order in which they were put there.

    ``read`` returns a thing from its JSON value, or ``None`` for nonsense. ``what`` is the word for a thing.
    """

    def __init__(
        self,
        file: Path,
        what: str,
        read: Callable[[Any], Thing | None],
        write: Callable[[Thing], Any],
        bundled: Mapping[str, Thing] | None = None,
    ) -> None:
        self.bundled = bundled or {}
        self._file = StateFile(file)
        self._what = what
        self._read = read
        self._write = write

    def all(self) -> dict[str, Thing]:
        stored = self._file.read().get("things")
        found = stored.items() if isinstance(stored, Mapping) else ()
        read = ((name, self._read(record)) for name, record in found if name not in self.bundled)
        return {**self.bundled, **{name: thing for name, thing in read if thing is not None}}

    def named(self, name: str) -> Thing:
        """Return a thing, whatever the case of its name. Raises :class:`NotFound` with the names there are."""
        things = self.all()
        for known, thing in things.items():
            if known.lower() == name.lower():
                return thing
        hint = f"There are: {', '.join(things)}." if things else "None is saved yet."
        raise NotFound(f"The {self._what} “{name}”", hint=hint)

    def put(self, name: str, thing: Thing) -> None:
        """Keep a thing, in place of the one of that name.

        Raises :class:`Refused` for a name that cannot be, a bundled thing's among them, and where it cannot be kept.
        """
        name = fit_name(name)
        if name.lower() in (bundled.lower() for bundled in self.bundled):
            raise Refused(f"“{name}” is the name of a {self._what} that comes with Halfbyte.", "Give it another name.")
        self._change(lambda things: things | {name: self._write(thing)})

    def delete(self, name: str) -> None:
        """Take a thing away; to undo it, :meth:`put` it back."""
        self._change(lambda things: {other: record for other, record in things.items() if other != name})

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def change_state(state: dict[str, Any]) -> None:
            stored = state.get("things")
            things = change(dict(stored) if isinstance(stored, Mapping) else {})
            state["things"] = dict(list(things.items())[-KEPT:])

        if not self._file.change(change_state):
            reason = f"{self._file.path} cannot be written."
            raise Refused(reason, "Is the disk full or write-protected, or is it a newer Halfbyte's?")


def fit_name(name: str) -> str:
    """Return a name as it is kept. Raises :class:`Refused` for an empty or a very long one."""
    name = " ".join(name.split())
    if not 0 < len(name) <= NAME_LETTERS:
        raise Refused(f"A name has 1 to {NAME_LETTERS} letters.", "Give it another name.")
    return name
