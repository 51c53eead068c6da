"""Reads all that can be had of a model as one job: its own files, and those that others made of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from engine.catalog.find import Asking, LookedUp, ReadingFacts
from engine.catalog.hub.client import Hub
from engine.catalog.hub.variants import Variant
from engine.catalog.observations import Observations
from engine.catalog.offers import Offer, offers_of, ranked
from engine.catalog.relatives import Relatives, find_relatives
from engine.errors import AccessNeeded, Cancelled, EngineError
from engine.events import Event, Finished, Job, Notice, Progress
from engine.machine.facts import Machine
from engine.recommend.corrections import Corrections


@dataclass(frozen=True, slots=True)
class Offers:
    """What can be had, the best first. ``access`` is what keeps the model's own headers from being read.

    ``problem`` is why other repositories could not be searched; what was found before it holds.
    """

    looked_up: LookedUp
    all: tuple[Offer, ...] = ()
    relatives: Relatives = field(default_factory=Relatives)
    access: AccessNeeded | None = None
    problem: EngineError | None = None

    @property
    def best(self) -> Offer | None:
        return next((offer for offer in self.all if offer.works), None)


class ReadingOffers:
    """The job. ``found`` is what is known so far, renewed before each ``Progress``; it ends with :class:`Offers`."""

    def __init__(self, hub: Hub, looked_up: LookedUp, machine: Machine, context_tokens: int) -> None:
        self._hub = hub
        self._machine = machine
        self._corrections: Corrections | None = None  # read when it runs: it comes from the disk
        self._context_tokens = context_tokens
        self._ranked: dict[tuple[str, str], tuple[Variant, tuple[Offer, ...]]] = {}
        self._job: Job | None = None
        self._stopped = threading.Event()
        self.found = Offers(looked_up)
        self._take(looked_up)

    def cancel(self) -> None:
        self._stopped.set()
        if self._job:
            self._job.cancel()

    def __iter__(self) -> Iterator[Event]:
        own = self.found.looked_up
        try:
            yield from self._facts(own)
        except AccessNeeded as error:
            self.found = replace(self.found, access=error)
        try:
            yield from self._elsewhere(own)
        except Cancelled:
            raise
        except EngineError as error:
            self.found = replace(self.found, problem=error)
        yield Finished(self.found)

    def _facts(self, looked_up: LookedUp) -> Iterator[Event]:
        job = ReadingFacts(self._hub, looked_up)
        for event in self._events(job):
            self._take(replace(looked_up, variants=job.found))
            yield event

    def _elsewhere(self, own: LookedUp) -> Iterator[Event]:
        yield Progress("looking at other repositories", 0, None, "steps")
        asking = Asking(lambda stop, on_wait: find_relatives(self._hub, own, stop, on_wait))
        for event in self._events(asking, ends=True):
            if isinstance(event, Finished):
                self.found = replace(self.found, relatives=event.value)
            else:
                yield event
        if ready := self.found.relatives.ready:
            yield from self._facts(ready)

    def _events(self, job: Job, *, ends: bool = False) -> Iterator[Event]:
        self._job = job
        if self._stopped.is_set():
            raise Cancelled("Reading the model's headers")
        for event in job:
            if isinstance(event, Progress | Notice) or ends:
                yield event

    def _take(self, looked_up: LookedUp) -> None:
        """Rank what is known; a variant is judged once, which takes a twentieth of a second."""
        model = looked_up.model
        for variant in looked_up.variants.all:
            key = (model.name, variant.entry or variant.title)
            before = self._ranked.get(key)
            if before is None or before[0] is not variant:
                self._corrections = self._corrections or Observations().corrections()
                offers = offers_of(model, variant, self._machine, self._context_tokens, self._corrections)
                self._ranked[key] = variant, offers
        every = [offer for _, offers in self._ranked.values() for offer in offers]
        self.found = replace(self.found, all=ranked(every))
