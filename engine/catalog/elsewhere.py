"""The models that lie outside of the library, with what Halfbyte noted of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.notes import Notes
from engine.catalog.places import Places
from engine.catalog.scan.apps import APPS
from engine.catalog.scan.job import Scan
from engine.catalog.summaries import Summaries
from engine.events import Finished


def scanning(library: Path, summaries: Summaries | None = None) -> Scan:
    """Return the job that looks for models of other apps and in the folders that the person added."""
    places = Places()
    return Scan(places.all, summaries=summaries, library=library, apps=APPS if places.apps else ())


def models_elsewhere(library: Path, summaries: Summaries | None = None) -> tuple[Checkpoint, ...]:
    """Look for them and wait."""
    found = next(event.value for event in scanning(library, summaries) if isinstance(event, Finished))
    return with_notes(found, Notes())


def with_notes(entries: Sequence[Checkpoint], notes: Notes) -> tuple[Checkpoint, ...]:
    """Return the entries with the fingerprints that were noted of them, where the app itself has none."""
    noted = notes.all()
    return tuple(_with_files(entry, noted.get(str(entry.path), {}).get("files")) for entry in entries)


def _with_files(entry: Checkpoint, files: object) -> Checkpoint:
    if entry.record.get("files") or not isinstance(files, dict):
        return entry
    return dataclasses.replace(entry, record={**entry.record, "files": files})
