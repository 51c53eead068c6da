"""A model of the Hub: what can be had of it, ranked for this machine, and the one button that gets the best."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.models.deed import Deed, deed_for
from desktop.models.found_model import FoundRow, FoundTableModel
from desktop.models.hub_words import model_words
from desktop.models.offer_model import OfferModel
from desktop.models.ways import Ways
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import add, button, label, row
from desktop.widgets.discover.access_card import AccessCard
from desktop.widgets.discover.found_table import FoundTable
from desktop.widgets.discover.offer_card import OfferCard
from desktop.widgets.discover.offer_table import OfferTable
from desktop.widgets.discover.ways_card import WaysCard
from desktop.widgets.fact_list import FactList
from desktop.widgets.link_dialog import LinkDialog
from desktop.widgets.progress_line import ProgressLine
from engine.catalog.find import LookedUp
from engine.catalog.offers import Offer
from engine.catalog.reading_offers import Offers
from engine.events import Progress

Here = Callable[[Offer], Path | None]


class ModelPane(QWidget):
    """``go`` tells an offer and the :class:`Deed` to do about it, ``model_wanted`` the name of another model."""

    go = Signal(object, object)
    back_wanted = Signal()
    stop_wanted = Signal()
    model_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._looked_up: LookedUp | None = None
        self._offers: Offers | None = None
        self._picked: Offer | None = None
        self._chosen_by_hand = False
        self._here: Here = lambda offer: None
        self._under_way: set[tuple[str, str]] = set()
        self._make_head()
        self.access = AccessCard()
        self.card = OfferCard()
        self.card.go.connect(self.go)
        self.ways = WaysCard()
        self.ways.chosen.connect(self._on_way)
        self.heading = label(self.tr("Everything that can be had, best first"), "heading")
        self.offers = OfferModel()
        self.table = OfferTable(self.offers)
        self.table.picked.connect(self._on_picked)
        self.others_heading = label(self.tr("The same model in other repositories"), "heading")
        self.others = FoundTableModel()
        self.others_table = FoundTable(self.others, self.tr("The same model in other repositories"))
        self.others_table.opened.connect(self.model_wanted)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.L)
        add(layout, [row(self.back, None, self.page), self.head, self._busy_part, self.access, self.card, self.ways])
        add(layout, [self.heading, self.table, self.others_heading, self.others_table, None])

    def show_looking(self, address: str) -> None:
        """Show that a model is being looked up; nothing of the one before stays."""
        self._looked_up = self._offers = self._picked = None
        self._chosen_by_hand = False
        self._under_way.clear()
        self.name.setText(address)
        self.facts.show_facts(())
        self.page.setEnabled(False)
        self.busy.restart(self.tr("Asking the Hub…"))
        self._busy_part.show()
        for part in (self.access, self.card, self.ways, self.heading, self.table):
            part.hide()
        self.show_others(())

    def show_model(self, found: LookedUp) -> None:
        self._looked_up = found
        self.name.setText(found.model.name)
        self.head.setAccessibleName(found.model.name)
        self.facts.show_facts(model_words(found))
        self.page.setEnabled(True)

    def show_offers(self, offers: Offers) -> None:
        """Show what is known so far. The best is chosen until the person chooses."""
        self._offers = offers
        name = offers.looked_up.model.name
        wanted = self._picked if self._chosen_by_hand else (offers.best or next(iter(offers.all), None))
        by_hand = self._chosen_by_hand
        self.offers.show_offers(name, offers.all)
        self.heading.setVisible(bool(offers.all))
        self.table.setVisible(bool(offers.all))
        self.access.setVisible(offers.access is not None)
        if offers.access:
            self.access.show_model(name, offers.access.details["url"])
        if offers.all:
            self.table.selectRow(max(0, self.offers.row_of(wanted)))
        self._chosen_by_hand = by_hand

    def show_ways(self, ways: Ways) -> None:
        self.ways.setVisible(bool(ways.answer))
        self.ways.show_ways(ways)

    def show_others(self, rows: tuple[FoundRow, ...]) -> None:
        self.others.show_rows(rows)
        for part in (self.others_heading, self.others_table):
            part.setVisible(bool(rows))

    def show_here(self, here: Here) -> None:
        """Take what lies in the library: ``here`` tells where an offer's files are."""
        self._here = here
        self._show_card()

    def mark_under_way(self, offer: Offer) -> None:
        """Remember that an offer's files are in the line of downloads."""
        self._under_way.add(_files_of(offer))
        self._show_card()

    @Slot(Progress)
    def show_progress(self, progress: Progress) -> None:
        self.busy.show_progress(progress)

    def rest(self) -> None:
        """Show what there is: nothing is read any more."""
        self._busy_part.hide()

    def _make_head(self) -> None:
        self.back = button(self.tr("Back to the search"), "quiet", "back")
        self.back.clicked.connect(self.back_wanted)
        self.page = button(self.tr("Open its page"), "", "external")
        self.page.clicked.connect(self._on_page)
        self.facts = FactList()
        self.head = Card("", "discover")
        self.name = self.head.heading
        self.head.body.addWidget(self.facts)
        self.busy = ProgressLine(self.tr("Reading the model"))
        self.stop = button(self.tr("Stop"))
        self.stop.clicked.connect(self.stop_wanted)
        self._busy_part = QWidget()
        line = row(self.busy, self.stop, spacing=scale.M)
        line.setStretch(0, 1)
        self._busy_part.setLayout(line)

    def _show_card(self) -> None:
        offer = self._picked
        self.card.setVisible(offer is not None)
        if offer and self._offers:
            deed = self._deed(offer)
            name, best = self._offers.looked_up.model.name, offer is self._offers.best
            self.card.show_offer(offer, deed, name, best=best)

    def _deed(self, offer: Offer) -> Deed:
        here = self._here(offer)
        return deed_for(offer, here, _files_of(offer) in self._under_way)

    @Slot(object)
    def _on_picked(self, offer: Offer) -> None:
        self._picked = offer
        self._chosen_by_hand = self.table.hasFocus()
        self._show_card()

    @Slot(object)
    def _on_way(self, offer: Offer) -> None:
        """Choose a way's offer; the original of another repository has no row, and is opened."""
        at = self.offers.row_of(offer)
        if at < 0:
            self.model_wanted.emit(offer.model.name)
            return
        self.table.selectRow(at)
        self._chosen_by_hand = True
        self.card.button.setFocus()

    @Slot()
    def _on_page(self) -> None:
        if self._looked_up:
            LinkDialog(self._looked_up.model.page, self).open()


def _files_of(offer: Offer) -> tuple[str, str]:
    return offer.model.name, offer.variant.entry
