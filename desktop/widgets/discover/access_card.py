"""A model that asks for permission: the two steps that open it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot

from desktop.language import QT_TR_NOOP, tr
from desktop.models.hub_words import host_of
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, paragraph
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.link_dialog import LinkDialog

_WORDS = QT_TR_NOOP(
    "{name} is gated or private. First accept its licence on its page at {host}, signed in there. Then give Halfbyte "
    "an access token of the same account; what was just tried is tried again by itself."
)


class AccessCard(Card):
    """``token_wanted`` asks for the token, ``retry_wanted`` to try once more."""

    token_wanted = Signal()
    retry_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(self.tr("This model asks for permission"), "lock")
        self._address = ""
        self.words = paragraph(role="")
        self.page = button(self.tr("1. Open its page"), "primary", "external")
        self.page.clicked.connect(self._on_page)
        self.token = button(self.tr("2. Enter an access token…"))
        self.token.clicked.connect(self.token_wanted)
        self.again = button(self.tr("Try again"), "quiet", "refresh")
        self.again.clicked.connect(self.retry_wanted)
        self.body.addWidget(self.words)
        self.body.addSpacing(scale.XS)
        self.body.addLayout(FlowLayout(self.page, self.token, self.again))

    def show_model(self, name: str, address: str) -> None:
        self._address = address
        self.words.setText(tr(_WORDS).format(name=name, host=host_of(address)))

    @Slot()
    def _on_page(self) -> None:
        LinkDialog(self._address, self).open()
