"""From a repository's name to a GGUF file: what stands in the way, told from headers, then one job for both steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.catalog.download.job import Download
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.hub.client import Hub
from engine.catalog.hub.values import FolderHeaders, RemoteModel
from engine.catalog.hub.variants import Variant
from engine.catalog.library import Library
from engine.convert.plan import PLAIN, Options, Plan, plan, plan_for, plan_together
from engine.convert.room import SOME_ROOM_BYTES, some_room, waiting
from engine.convert.run import Conversions
from engine.convert.source import inspect_headers
from engine.errors import AccessNeeded, Cancelled, DiskFull
from engine.events import Event, Finished, Notice
from engine.formats import format_named
from engine.machine import disks


def plans_from_hub(
    model: RemoteModel,
    variant: Variant,
    headers: FolderHeaders | None,
    format_ids: Sequence[str],
    library: Library,
    access: AccessNeeded | None = None,
    options: Mapping[str, Options] = {},
) -> tuple[Plan, ...]:
    """Plan the formats of a folder that is on the Hub, from headers alone: no weight is fetched, nothing is written.

    Room is for the folder and its results together. ``options`` are those of formats that have any. ``access`` is what
    keeps a gated folder's headers from being read:
    then the plan says what the Hub tells everybody. Raises :class:`Refused` for a format that is none.
    """
    told = headers or FolderHeaders(model.config, ())
    unread = "" if access or variant.facts else f"The headers of {model.name} cannot be read."
    source = inspect_headers(model.name, told, variant.files, variant.facts, variant.problem or unread)
    if access:
        source = replace(source, problems=(access, *(source.problems if model.config else ())))
    ids = dict.fromkeys(format_ids)
    return plan_together(
        [plan_for(source, each, _target(library, model.name, each), library, options.get(each, PLAIN)) for each in ids]
    )


def _target(library: Library, name: str, format_id: str) -> Path:
    """Return where a result will lie, as :meth:`Library.target` has it for a folder that is here."""
    publisher, repository = name.split("/")
    made = format_named(format_id)
    return library.place(publisher, f"{repository}-GGUF", f"{repository}-{made.label if made else format_id}.gguf")


class FromHub:
    """A job: fetch a folder and make GGUF files of it. It ends with ``Finished`` and a tuple of checkpoints.

    A download that was stopped continues where it was, and the folder stays in the library: whoever wants its
    room back deletes it there. Raises what :class:`Download` and :class:`Conversions` raise.
    """

    def __init__(
        self,
        fetched: DownloadPlan,
        format_ids: Sequence[str],
        hub: Hub,
        library: Library,
        options: Mapping[str, Options] = {},
    ) -> None:
        self._fetched = fetched
        self._options = options
        self._format_ids = tuple(dict.fromkeys(format_ids))
        self._library = library
        self._hub = hub
        self._step: Download | Conversions = Download(fetched, hub, library)
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._step.cancel()

    def __iter__(self) -> Iterator[Event]:
        yield from self._fetch()
        folder = self._library.entry_at(self._fetched.model_path(self._library.folder))
        targets = [(format_id, self._library.target(folder, format_id)) for format_id in self._format_ids]
        missing = [(format_id, target) for format_id, target in targets if not target.exists()]
        if missing:
            plans = [
                plan(folder.path, format_id, target, self._library, self._options.get(format_id, PLAIN))
                for format_id, target in missing
            ]
            self._step = Conversions(plan_together(plans))
            if self._cancelled:
                raise Cancelled("The conversion")
            yield from (event for event in self._step if not isinstance(event, Finished))
        yield Finished(tuple(self._library.entry_at(target) for _, target in targets))

    def _fetch(self) -> Iterator[Event]:
        """Fetch the folder; while the disk is full, wait and go on where it stopped."""
        told = False
        while True:
            try:
                yield from (event for event in self._step if not isinstance(event, Finished))
                break
            except DiskFull as error:
                full = error
            place = disks.existing(self._library.folder)
            if not told:
                told = True
                yield Notice(waiting(place, "the download"), "warning")
            for _ in some_room(place, min(full.details["needed_bytes"], SOME_ROOM_BYTES)):
                if self._cancelled:
                    raise Cancelled("The download")
            self._step = Download(self._fetched, self._hub, self._library)
            if self._cancelled:  # while it was replaced
                raise Cancelled("The download")
        if told:
            yield Notice("There is room again: the download goes on.")
