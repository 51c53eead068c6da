"""What fills the context, what happens when it is full, and a larger one with what it costs."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.context_words import enlargement_words, filling_words, own_words, shares
from desktop.quantities import number
from desktop.theme import scale
from desktop.widgets.chat.cache_field import CacheField
from desktop.widgets.chat.filling_bar import FillingBar
from desktop.widgets.controls import add, button, label, paragraph, row
from desktop.widgets.steering.when_full_field import WhenFullField
from engine.chat.context import Enlargement, Filling, WhenFull

_COUNTING = QT_TR_NOOP("Counting…")
_NOT_NOW = QT_TR_NOOP("It is counted when a model is loaded and no answer comes.")
_WIDTH = 520


class ContextDialog(QDialog):
    """``when_full_changed`` carries what was chosen, ``enlarge_wanted`` the tokens of the larger window; 0: the usual.

    ``keeping_wanted`` carries how the context is to be kept: a cache type, and whether flash attention is used.
    """

    when_full_changed = Signal(str)
    enlarge_wanted = Signal(int)
    keeping_wanted = Signal(str, bool)

    def __init__(self, when_full: str, inherited: WhenFull, parent: QWidget, *, counting: bool) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Context"))
        self.offer: Enlargement | None = None
        self.words = paragraph(tr(_COUNTING) if counting else tr(_NOT_NOW))
        self.bar = FillingBar()
        self.bar.hide()
        self.when_full = WhenFullField(inherited)
        self.when_full.show_way(when_full)
        self.when_full.changed.connect(self.when_full_changed)
        self.cost = paragraph("")
        self.cache = CacheField()
        self.cache.wanted.connect(self._on_keeping)
        self.enlarge = button(self.tr("Enlarge the context"))
        self.enlarge.clicked.connect(self._on_enlarge)
        self.own = paragraph("")
        self.usual = button("")
        self.usual.clicked.connect(self._on_usual)
        self.show_own(0, 0)
        self.shut = button(self.tr("Close"), "primary")
        self.shut.clicked.connect(self.accept)
        self.setMinimumWidth(min(_WIDTH, parent.window().width() - 2 * scale.XL))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [label(self.tr("Context"), "heading"), self.words, self.bar, scale.S])
        add(
            layout,
            [label(self.tr("When it is full, for this conversation"), buddy=self.when_full), self.when_full, scale.S],
        )
        add(layout, [self.cache, self.own, self.cost, row(self.enlarge, self.usual, None, self.shut)])
        self.enlarge.setEnabled(False)
        self.shut.setFocus()

    def show_filling(self, filling: Filling, *, asking: bool) -> None:
        self.words.setText(filling_words(filling))
        self.bar.show_shares(shares(filling, asking=asking))
        self.bar.show()

    def show_own(self, own_tokens: int, usual_tokens: int) -> None:
        """Tell of the conversation's own context, 0 for none, and of the settings'."""
        self.own.setText(own_words(own_tokens, usual_tokens))
        self.usual.setText(self.tr("Back to {usual_tokens}").format(usual_tokens=number(usual_tokens)))
        self.usual.setAccessibleName(
            self.tr("Load the model again with {usual_tokens} tokens, as in your settings").format(
                usual_tokens=number(usual_tokens)
            )
        )
        for part in (self.own, self.usual):
            part.setVisible(bool(own_tokens))

    def show_problem(self, words: str) -> None:
        self.words.setText(words)

    def show_offer(self, offer: Enlargement | None) -> None:
        self.offer = offer
        self.cost.setText(enlargement_words(offer))
        self.enlarge.setEnabled(offer is not None and offer.fits)
        if offer:
            self.enlarge.setText(tr("Enlarge to %Ln token(s)", "", offer.context_tokens))
            self.enlarge.setAccessibleName(f"{self.enlarge.text()}. {self.cost.text()}")

    @Slot(str, bool)
    def _on_keeping(self, cache_type: str, flash_attention: bool) -> None:
        self.accept()
        self.keeping_wanted.emit(cache_type, flash_attention)

    @Slot()
    def _on_usual(self) -> None:
        self.accept()
        self.enlarge_wanted.emit(0)

    @Slot()
    def _on_enlarge(self) -> None:
        assert self.offer
        self.accept()
        self.enlarge_wanted.emit(self.offer.context_tokens)
