"""The folders and files that the person added: their models are used where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.catalog.state_file import StateFile
from engine.errors import NotFound, Refused
from engine.paths import folders


class Places:
    """Kept in ``places.json`` beside the settings; read anew each time, so that a second window agrees."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = StateFile(file or folders().config / "places.json")

    @property
    def all(self) -> tuple[Path, ...]:
        """The places in the order in which they were added; one that is gone (an unplugged disk) stays noted."""
        noted = self._file.read().get("places")
        return tuple(Path(place) for place in noted if isinstance(place, str)) if isinstance(noted, list) else ()

    @property
    def apps(self) -> bool:
        """Whether the models of other apps are looked for."""
        return self._file.read().get("apps", True) is not False

    def add(self, place: Path) -> None:
        """Note a folder or a file. Raises :class:`NotFound` and :class:`Refused` if it cannot be noted."""
        place = place.expanduser().absolute()
        if not place.exists():
            raise NotFound(str(place))
        if place not in self.all:
            self._change(lambda state: state.update(places=[*map(str, self.all), str(place)]))

    def remove(self, place: Path) -> None:
        """Forget a place; nothing on the disk is touched."""
        self._change(lambda state: state.update(places=[str(noted) for noted in self.all if noted != place]))

    def look_for_apps(self, wanted: bool) -> None:
        self._change(lambda state: state.update(apps=wanted))

    def _change(self, change: Any) -> None:
        if not self._file.change(change):
            raise Refused(f"{self._file.path} cannot be written.", "A newer Halfbyte may have made it.")
