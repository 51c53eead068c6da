"""How the Hub is reached and whose token is used: a card of the settings."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent

from desktop.language import QT_TR_NOOP, tr
from desktop.models.hub_words import surroundings_words
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, label
from desktop.widgets.fact_list import FactList
from desktop.widgets.flow_layout import FlowLayout
from engine.catalog.hub.surroundings import Surroundings
from engine.catalog.tokens import Source

_HELP = QT_TR_NOOP(
    "For gated and private models. Address, proxies and HF_TOKEN come from the environment that Halfbyte starts in."
)


class HubCard(Card):
    """``look_wanted`` asks for the :class:`Surroundings` whenever the card comes into sight."""

    look_wanted = Signal()
    token_wanted = Signal()
    forget_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(self.tr("Hugging Face Hub"), "discover")
        self.facts = FactList()
        self.enter = button(self.tr("Enter an access token…"))
        self.enter.clicked.connect(self.token_wanted)
        self.forget = button(self.tr("Forget the token"), "quiet", "trash")
        self.forget.clicked.connect(self.forget_wanted)
        self.forget.setEnabled(False)
        self.body.addWidget(self.facts)
        self.body.addWidget(label(tr(_HELP), "caption", wraps=True))
        self.body.addSpacing(scale.XS)
        self.body.addLayout(FlowLayout(self.enter, self.forget))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look_wanted.emit()

    @Slot(object)
    def show_surroundings(self, found: Surroundings) -> None:
        self.facts.show_facts(surroundings_words(found))
        self.forget.setEnabled(found.token in (Source.KEYRING, Source.SESSION))
