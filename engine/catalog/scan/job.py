"""Looking for models of other apps and in the folders that the person added, as a job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.entries import entry_of, with_companions
from engine.catalog.scan import folder
from engine.catalog.scan.apps import APPS, App
from engine.catalog.scan.found import Found
from engine.catalog.scan.merge import merged
from engine.catalog.scan.surroundings import Surroundings
from engine.catalog.summaries import Summaries
from engine.errors import Cancelled
from engine.events import Event, Finished, Notice, Progress

Place = tuple[str, Path, Callable[[Path], Iterator[Found]]]


class Scan:
    """A job: ``Progress`` in models found so far, then ``Finished`` with the entries, each file once.

    What is in ``library`` is left out. A place that cannot be read costs its models and nothing else.
    """

    def __init__(
        self,
        added: Sequence[Path] = (),
        surroundings: Surroundings | None = None,
        summaries: Summaries | None = None,
        library: Path | None = None,
        apps: Sequence[App] = APPS,
    ) -> None:
        self._added = tuple(added)
        self._surroundings = surroundings or Surroundings.here()
        self._summaries = summaries or Summaries()
        self._library = library
        self._apps = apps
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def __iter__(self) -> Iterator[Event]:
        entries: list[Checkpoint] = []
        for owner, place, models in self._places():
            here: list[Checkpoint] = []
            try:
                for found in models(place):
                    if self._stop.is_set():
                        raise Cancelled("Looking for models")
                    if not self._is_own(found.find.path):
                        here.append(self._entry(owner, place, found))
                        yield Progress(f"look in {owner}", len(entries) + len(here), None, "files")
            except OSError as error:
                yield Notice(f"{place} cannot be read: {error.strerror or error}.", "warning")
            entries += with_companions(here)
        self._summaries.keep()
        yield Finished(tuple(sorted(merged(entries), key=lambda entry: entry.name.lower())))

    def _places(self) -> Iterator[Place]:
        """Yield the places that are there, each once."""
        seen: set[Path] = set()
        named: list[Place] = [
            (app.name, Path(place), app.models) for app in self._apps for place in app.places(self._surroundings)
        ]
        named += [(str(place), place, folder.models) for place in self._added]
        for owner, place, models in named:
            try:
                resolved = place.resolve()
                is_there = place.exists()
            except (OSError, RuntimeError):
                continue
            if is_there and resolved not in seen:
                seen.add(resolved)
                yield owner, place, models

    def _entry(self, owner: str, place: Path, found: Found) -> Checkpoint:
        path = found.find.path
        name = f"{owner}/{found.label}" if found.label else _name(owner, place, path)
        return entry_of(found.find, name, self._summaries, found.record, owner, found.label)

    def _is_own(self, path: Path) -> bool:
        return self._library is not None and self._library.absolute() in path.absolute().parents


def _name(owner: str, place: Path, path: Path) -> str:
    """Return how people call a model: the app and the path below its folder; a path where they added it."""
    if owner == str(place):
        return str(path)
    return f"{owner}/{path.relative_to(place).as_posix()}" if path.is_relative_to(place) else str(path)
