"""Finding models on the Hub, reading what can be had of one, and handing over what is to be fetched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.models.found_model import FoundPage, FoundRow, finding, judged
from desktop.models.library_model import Entry
from desktop.models.offer_model import path_here, plan_of_offer
from desktop.models.ways import Pace, Ways, compare
from desktop.pages.discover import DiscoverPage
from engine.catalog.find import LookedUp, looking_up
from engine.catalog.hub.values import Query
from engine.catalog.offers import Offer
from engine.catalog.reading_offers import Offers, ReadingOffers
from engine.errors import Refused
from engine.events import Progress
from engine.machine.facts import Machine


class DiscoverFlow(QObject):
    """``download_wanted`` carries a :class:`DownloadPlan`."""

    download_wanted = Signal(object)

    def __init__(self, state: State, page: DiscoverPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._query: Query | None = None
        self._next = ""
        self._more = False
        self._waiting: LookedUp | None = None  # for the machine
        self._reading_job: ReadingOffers | None = None
        self._paths: frozenset[Path] = frozenset()
        self._to_convert: dict[Path, str] = {}
        self._pace = Pace()
        self._searching = self._latest(self._on_found, page.show_search_error)
        self._judging = self._latest(self._on_judged, page.show_search_error)
        self._looking = self._latest(self._on_looked_up, page.show_model_error)
        self._reading = self._latest(self._on_offers, page.show_model_error)
        self._reading.progressed.connect(self._on_progress)
        self._comparing = self._latest(self._on_compared, page.show_model_error)
        page.search_wanted.connect(self._search)
        page.more_wanted.connect(self._search_more)
        page.search_stop_wanted.connect(self._searching.cancel)
        page.model_wanted.connect(self._look_up)
        page.model_stop_wanted.connect(self._stop)
        page.download_wanted.connect(self._download)
        page.downloads_wanted.connect(partial(state.page_wanted.emit, "downloads"))
        state.machine_found.connect(self._on_machine)
        state.jobs.started.connect(self._on_job)

    @Slot(str)
    def open(self, address: str) -> None:
        """Show a model's page, from anywhere."""
        self._state.page_wanted.emit("discover")
        self._page.open(address)

    @Slot(tuple)
    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Take what the library holds now; what waited to be converted has arrived."""
        self._paths = frozenset(entry.checkpoint.path.absolute() for entry in entries if not entry.damaged)
        self._page.model.show_here(self._here)
        for path in self._paths & self._to_convert.keys():
            format_id = self._to_convert.pop(path)
            if self._page.isVisible():  # otherwise the person is busy elsewhere, and the button says what is next
                self._page.convert_wanted.emit(path, format_id)

    def _latest(self, finished: object, failed: object) -> Latest:
        made = Latest(self._state.jobs)
        made.finished.connect(finished)
        made.failed.connect(failed)
        return made

    @property
    def _context_tokens(self) -> int:
        return self._state.settings["context_tokens"]

    def _here(self, offer: Offer) -> Path | None:
        return path_here(offer, self._state.library, self._paths)

    # The search

    @Slot(object)
    def _search(self, query: Query) -> None:
        self._query, self._more = query, False
        self._find("")

    @Slot()
    def _search_more(self) -> None:
        if self._query and self._next:
            self._more = True
            self._find(self._next)

    def _find(self, page: str) -> None:
        assert self._query
        state = self._state
        self._searching.start(finding(state.hub, self._query, page, state.machine, self._context_tokens))

    @Slot(object)
    def _on_found(self, found: FoundPage) -> None:
        self._next = found.next
        self._page.search.show_page(found, more=self._more)
        self._judge()

    def _judge(self) -> None:
        """Judge rows that came before the machine was known."""
        rows, machine = self._page.search.found.rows, self._state.machine
        if machine and any(row.outlook is None for row in rows):
            self._judging.start(Call(judged, [row.model for row in rows], machine, self._context_tokens))

    @Slot(object)
    def _on_judged(self, rows: tuple[FoundRow, ...]) -> None:
        if [row.model for row in rows] == [row.model for row in self._page.search.found.rows]:
            self._page.search.show_rows(rows)

    # One model

    @Slot(str)
    def _look_up(self, address: str) -> None:
        self._stop()
        self._looking.start(looking_up(self._state.hub, address))

    @Slot()
    def _stop(self) -> None:
        self._waiting = None
        for latest in (self._looking, self._reading, self._comparing):
            latest.cancel()

    @Slot(object)
    def _on_looked_up(self, found: LookedUp) -> None:
        self._page.model.show_model(found)
        self._read(found)

    def _read(self, found: LookedUp) -> None:
        machine = self._state.machine
        if machine is None:
            self._waiting = found
            self._page.model.busy.restart(self.tr("Looking at this computer first…"))
            return
        self._waiting = None
        self._reading_job = job = ReadingOffers(self._state.hub, found, machine, self._context_tokens)
        self._reading.start(job)

    @Slot(Progress)
    def _on_progress(self, progress: Progress) -> None:
        self._page.model.show_progress(progress)
        if self._reading_job:
            self._page.model.show_offers(self._reading_job.found)

    @Slot(object)
    def _on_offers(self, offers: Offers) -> None:
        self._page.model.rest()
        self._page.model.show_offers(offers)
        if offers.problem:
            self._page.show_error(offers.problem)
        if machine := self._state.machine:
            self._comparing.start(Call(_compared, offers, machine, self._pace, self._context_tokens))

    @Slot(object)
    def _on_compared(self, both: tuple[Ways, tuple[FoundRow, ...]]) -> None:
        ways, others = both
        self._page.model.show_ways(ways)
        self._page.model.show_others(others)

    # What follows

    @Slot(object)
    def _download(self, offer: Offer) -> None:
        try:
            plan = plan_of_offer(offer, self._state.hub.endpoint)
        except Refused as error:
            self._page.show_error(error)
            return
        if offer.made_here:
            self._to_convert[plan.model_path(self._state.library.folder.absolute())] = offer.format_id
        self.download_wanted.emit(plan)

    @Slot(object)
    def _on_machine(self, _found: object) -> None:
        self._judge()
        if self._waiting:
            self._read(self._waiting)

    @Slot(JobThread)
    def _on_job(self, thread: JobThread) -> None:
        if thread.title:
            thread.progressed.connect(self._on_any_progress)

    @Slot(Progress)
    def _on_any_progress(self, progress: Progress) -> None:
        """Learn how fast downloads are here."""
        if progress.step == "download" and progress.rate:
            self._pace = Pace(progress.rate, measured=True)


def _compared(offers: Offers, machine: Machine, pace: Pace, context_tokens: int) -> tuple[Ways, tuple[FoundRow, ...]]:
    return compare(offers, machine, pace), judged(offers.relatives.quantized, machine, context_tokens)
