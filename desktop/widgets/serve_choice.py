"""Which cards are to serve a model, and how many people."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.models.serve_words import USUAL_CARD
from desktop.theme import scale
from desktop.widgets.controls import column, label
from desktop.widgets.fields import Choice, WholeNumber
from desktop.widgets.flow_layout import FlowLayout
from engine.handover.cards import Card

_CONTEXT = 1 << 20


class ServeChoice(QWidget):
    """``changed`` comes with each change of :attr:`card`, :attr:`gpus`, :attr:`nodes`, :attr:`users` or the context."""

    changed = Signal()

    def __init__(self, cards: Sequence[tuple[str, Card | None]]) -> None:
        super().__init__()
        self._cards = tuple(cards)
        self.list = Choice()
        self.list.addItems([name for name, _ in cards])
        usual = next((at for at, (name, card) in enumerate(cards) if card is None or name == USUAL_CARD), 0)
        self.list.setCurrentIndex(usual)
        self.list.currentIndexChanged.connect(self._tell)
        self.gpus = self._number(1, 16, 1)
        self.nodes = self._number(1, 64, 1)
        self.users = self._number(1, 4096, 8)
        self.context = self._number(0, _CONTEXT, 0, "tokens")
        self.context.setSpecialValueText(self.tr("The longest that fits"))
        self.context.setToolTip(self.tr("Tokens of one conversation"))
        self._lay_out()

    @property
    def card(self) -> Card | None:
        """The card; ``None`` for those of this computer."""
        return self._cards[self.list.currentIndex()][1]

    @property
    def context_tokens(self) -> int | None:
        return max(self.context.value(), 256) if self.context.value() else None

    def _number(self, lowest: int, highest: int, value: int, unit: str = "") -> WholeNumber:
        made = WholeNumber(lowest, highest, unit)
        made.setValue(value)
        made.valueChanged.connect(self._tell)
        return made

    def _lay_out(self) -> None:
        fields = (
            (self.tr("&Graphics card"), self.list),
            (self.tr("Cards in &each computer"), self.gpus),
            (self.tr("Comp&uters"), self.nodes),
            (self.tr("Answers at the sa&me time"), self.users),
            (self.tr("Conte&xt of each"), self.context),
        )
        self.setLayout(FlowLayout(*(_named(words, field) for words, field in fields)))

    @Slot()
    def _tell(self) -> None:
        self.changed.emit()


def _named(words: str, field: QWidget) -> QWidget:
    made = QWidget()
    made.setLayout(column(label(words, "muted", buddy=field), field, spacing=scale.XS))
    return made
