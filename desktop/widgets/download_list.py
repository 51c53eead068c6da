"""The line of downloads: a card each, in the order in which they come."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.faults import Button
from desktop.models.download_words import Deed
from desktop.theme import scale
from desktop.widgets.download_card import DownloadCard
from engine.catalog.download.item import Item, State


class DownloadList(QWidget):
    """Show items; what is done stands below. ``wanted`` tells a deed and its item; the focus stays with its card."""

    wanted = Signal(object, object)
    way_chosen = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Downloads"))
        self._cards: dict[str, DownloadCard] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(scale.M)

    @property
    def cards(self) -> tuple[DownloadCard, ...]:
        """Return the cards from top to bottom."""
        return tuple(self._cards.values())

    def show_items(self, items: Sequence[Item]) -> None:
        ordered = sorted(items, key=lambda item: item.state is State.DONE)
        self._drop(self._cards.keys() - {item.plan.id for item in ordered})
        before = list(self._cards)
        self._cards = {item.plan.id: self._card(item) for item in ordered}
        if list(self._cards) != before:
            self._place()
        moving = [item.plan.id for item in ordered if item.state is not State.DONE]
        for plan_id, card in self._cards.items():
            card.show_place(first=plan_id in moving[:1], last=plan_id in moving[-1:], alone=len(moving) < 2)

    def _card(self, item: Item) -> DownloadCard:
        card = self._cards.get(item.plan.id)
        if card:
            card.show_item(item)
            return card
        card = DownloadCard(item)
        card.wanted.connect(partial(self._want, item.plan.id))
        card.way_chosen.connect(partial(self._choose_way, item.plan.id))
        return card

    def _drop(self, plan_ids: set[str]) -> None:
        for plan_id in plan_ids:
            card = self._cards.pop(plan_id)
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()

    def _place(self) -> None:
        """Put the cards in order, for the eye and for the Tab key."""
        before: QWidget | None = None
        for number, card in enumerate(self._cards.values()):
            self._layout.removeWidget(card)
            self._layout.insertWidget(number, card)
        for card in self._cards.values():
            if before:
                QWidget.setTabOrder(before, card.up)
            for first, second in zip(card.stops, card.stops[1:], strict=False):
                QWidget.setTabOrder(first, second)
            before = card.stops[-1]

    @Slot(object)
    def _want(self, plan_id: str, deed: Deed) -> None:
        if plan_id in self._cards:
            self.wanted.emit(deed, self._cards[plan_id].item)

    @Slot(object)
    def _choose_way(self, plan_id: str, way: Button) -> None:
        self.way_chosen.emit(way, self._cards[plan_id].item)
