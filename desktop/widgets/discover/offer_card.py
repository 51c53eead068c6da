"""One offer in full, with the one button that gets it."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.models.deed import Deed
from desktop.models.offer_model import about_words, reason_words, size_bytes
from desktop.models.suggestion import context_words, place_words, speed_words
from desktop.quantities import size
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, clear, column, label, paragraph, restyle, row
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.memory_bar import MemoryBar, MemoryLegend, memory_words
from engine.catalog.offers import Offer


class OfferCard(Card):
    """``go`` tells the deed of the button for the offer that is shown."""

    go = Signal(object, object)

    def __init__(self) -> None:
        super().__init__("", role="pick")
        self._offer: Offer | None = None
        self._deed: Deed | None = None
        self.tag = label("", "tag")
        self.where = label("", "caption", wraps=True)
        self.reason = paragraph(role="")
        self._numbers = FlowLayout(across=scale.XL)
        self._bar, self._legend = MemoryBar(), MemoryLegend()
        self._memory = label("", "caption")
        self._memory_part = QWidget()
        self._memory_part.setLayout(
            column(
                row(label(self.tr("Memory"), "strong"), self._memory, None), self._bar, self._legend, spacing=scale.S
            )
        )
        self.button = button(self.tr("Get it"), "primary", "download")
        self.button.clicked.connect(self._on_clicked)
        for part in (row(self.tag, None), self.reason, self._numbers, self._memory_part):
            self.body.addWidget(part) if isinstance(part, QWidget) else self.body.addLayout(part)
        self.body.addSpacing(scale.XS)
        self.body.addLayout(row(self.button, None))
        self.body.addWidget(self.where)

    def show_offer(self, offer: Offer, deed: Deed, name: str, *, best: bool) -> None:
        self._offer, self._deed = offer, deed
        about = about_words(offer, name)
        self.heading.setText(f"{offer.title} · {about}")
        self.setAccessibleName(f"{offer.title}: {reason_words(offer)}")
        self.tag.setText(self.tr("Best for this machine") if best else self.tr("Chosen"))
        self.reason.setText(reason_words(offer))
        self._show_numbers(offer)
        self._show_memory(offer)
        where = self.tr("{files} from {repository}, at revision {revision}")
        files, revision = offer.variant.entry or offer.model.name, offer.model.commit[:8]
        self.where.setText(where.format(files=files, repository=offer.model.name, revision=revision))
        self.button.setText(deed.label)
        self.button.setAccessibleName(deed.label)
        self.button.setEnabled(deed.do != "nothing")
        restyle(self.button, role="primary" if offer.works and deed.do != "wait" else "")
        restyle(self, role="pick" if offer.works else "card")

    def _show_numbers(self, offer: Offer) -> None:
        clear(self._numbers)
        fit = offer.fit
        pairs = [(self.tr("Size"), size(size_bytes(offer)))]
        if fit and offer.variant.facts:
            pairs += [
                (self.tr("Answers at"), speed_words(fit.decode_tokens_s)),
                (self.tr("Reads at"), speed_words(fit.prompt_tokens_s)),
                (self.tr("Largest context"), context_words(fit.largest_context)),
                (self.tr("Runs on"), place_words(fit, offer.variant.facts.layers)),
            ]
        for name, words in pairs:
            self._numbers.addWidget(_number(name, words))

    def _show_memory(self, offer: Offer) -> None:
        fit = offer.fit
        self._memory_part.setVisible(fit is not None)
        if fit:
            self._memory.setText(memory_words(fit.footprint, fit.free_bytes))
            self._bar.show_memory(fit.footprint, fit.free_bytes)
            self._legend.show_memory(fit.footprint)

    @Slot()
    def _on_clicked(self) -> None:
        self.go.emit(self._offer, self._deed)


def _number(name: str, words: str) -> QWidget:
    pair = QWidget()
    value = label(words, "strong")
    value.setAccessibleName(f"{name}: {words}")
    pair.setLayout(column(label(name, "caption"), value, spacing=0))
    return pair
