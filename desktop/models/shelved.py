"""A shelf of named things for the window: what is on it, and changes of it as jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal, Slot

from desktop.jobs import Call, Jobs, Latest
from engine.chat.shelf import Shelf


class Shelved(QObject):
    """``changed`` comes with other :attr:`things` than before, ``failed`` with why a change was not made."""

    changed = Signal()
    failed = Signal(Exception)

    def __init__(self, jobs: Jobs, open_shelf: Callable[[], Shelf[Any]], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.things: Mapping[str, Any] = {}
        self._open = open_shelf
        self._deleted: dict[str, Any] = {}
        self._reading = Latest(jobs)
        self._reading.finished.connect(self._on_read)
        self._reading.failed.connect(self.failed)

    def read(self) -> None:
        self._reading.start(Call(_after, self._open))

    def put(self, name: str, thing: Any) -> None:
        self._reading.start(Call(_after, self._open, "put", name, thing))

    def delete(self, name: str) -> None:
        """Take a thing away; :meth:`restore` brings it back as long as the window is open."""
        self._deleted[name] = self.things[name]
        self._reading.start(Call(_after, self._open, "delete", name))

    @Slot(str)
    def restore(self, name: str) -> None:
        if name in self._deleted:
            self.put(name, self._deleted.pop(name))

    @Slot(object)
    def _on_read(self, things: Mapping[str, Any]) -> None:
        self.things = things
        self.changed.emit()


def _after(open_shelf: Callable[[], Shelf[Any]], do: str = "", *values: Any) -> Mapping[str, Any]:
    shelf = open_shelf()
    if do:
        getattr(shelf, do)(*values)
    return shelf.all()
