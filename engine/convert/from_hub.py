"""From a repository's name to a GGUF file: what stands in the way, told from headers, then one job for both steps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.catalog.download.job import Download
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.hub.client import Hub
from engine.catalog.hub.variants import Variant
from engine.catalog.library import Library
from engine.convert.plan import plan, plan_together
from engine.convert.recipes import recipe_for
from engine.convert.run import Conversions
from engine.errors import Cancelled, DiskFull, EngineError, UnsupportedModel
from engine.events import Event, Finished
from engine.machine import disks
from engine.recommend.tensor_types import tensors_at


def obstacles(variant: Variant, fetched: DownloadPlan, format_ids: Sequence[str], library: Path) -> list[EngineError]:
    """Return everything that headers tell against it, before a byte of the weights is fetched.

    Room is for the folder and its results together. The tokenizer is looked at when the folder is here.
    """
    problems: list[EngineError] = []
    if variant.problem:
        problems.append(UnsupportedModel(fetched.repository, "Halfbyte", variant.problem))
    needed_bytes = fetched.size_bytes
    for format_id in format_ids:
        try:
            recipe = recipe_for(format_id)
        except EngineError as error:
            problems.append(error)
            continue
        if variant.facts:
            needed_bytes += sum(tensor.bytes for tensor in tensors_at(variant.facts, recipe.level))
    free_bytes = shutil.disk_usage(disks.existing(library)).free
    if free_bytes < needed_bytes:
        problems.append(DiskFull(needed_bytes, free_bytes, str(library)))
    return problems


class FromHub:
    """A job: fetch a folder and make GGUF files of it. It ends with ``Finished`` and a tuple of checkpoints.

    A download that was stopped continues where it was, and the folder stays in the library: whoever wants its
    room back deletes it there. Raises what :class:`Download` and :class:`Conversions` raise.
    """

    def __init__(self, fetched: DownloadPlan, format_ids: Sequence[str], hub: Hub, library: Library) -> None:
        self._fetched = fetched
        self._format_ids = tuple(dict.fromkeys(format_ids))
        self._library = library
        self._step: Download | Conversions = Download(fetched, hub, library)
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        self._step.cancel()

    def __iter__(self) -> Iterator[Event]:
        for event in self._step:
            if not isinstance(event, Finished):
                yield event
        folder = self._library.entry_at(self._fetched.model_path(self._library.folder))
        targets = [(format_id, self._library.target(folder, format_id)) for format_id in self._format_ids]
        missing = [(format_id, target) for format_id, target in targets if not target.exists()]
        if missing:
            plans = [plan(folder.path, format_id, target, self._library) for format_id, target in missing]
            self._step = Conversions(plan_together(plans))
            if self._cancelled:
                raise Cancelled("The conversion")
            yield from (event for event in self._step if not isinstance(event, Finished))
        yield Finished(tuple(self._library.entry_at(target) for _, target in targets))
