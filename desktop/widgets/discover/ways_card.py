"""Download ready-made or convert yourself: both ways side by side, and which is the better one here."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.models.ways import Way, Ways, way_words
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, column, label, paragraph
from desktop.widgets.fact_list import FactList
from desktop.widgets.flow_layout import FlowLayout

_WIDTH = 360


class WaysCard(Card):
    """Show :class:`Ways`; ``chosen`` tells the offer of the way that was chosen, to be looked at above."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__(self.tr("Download it ready-made, or convert it yourself?"), "convert")
        self._ways: Ways | None = None
        self.answer = paragraph(role="")
        self.ready, self.own = _Side(self.tr("Ready-made")), _Side(self.tr("Converted here"))
        self.ready.button.clicked.connect(self._on_ready)
        self.own.button.clicked.connect(self._on_own)
        both = QWidget()
        both.setLayout(FlowLayout(self.ready, self.own, across=scale.XL, down=scale.L))
        self.basis = label("", "caption", wraps=True)
        for part in (self.answer, both, self.basis):
            self.body.addWidget(part)

    def show_ways(self, ways: Ways) -> None:
        self._ways = ways
        self.answer.setText(ways.answer)
        self.ready.show_way(ways.ready)
        self.own.show_way(ways.own)
        self.basis.setText(
            self.tr(
                "Times are estimates: downloads {pace}, conversion on a quiet machine. What a level really costs in "
                "quality is known once it is measured."
            ).format(pace=ways.pace.words)
        )

    @Slot()
    def _on_ready(self) -> None:
        if self._ways and self._ways.ready:
            self.chosen.emit(self._ways.ready.offer)

    @Slot()
    def _on_own(self) -> None:
        if self._ways and self._ways.own:
            self.chosen.emit(self._ways.own.offer)


class _Side(QWidget):
    def __init__(self, heading: str) -> None:
        super().__init__()
        self.setFixedWidth(_WIDTH)
        self.facts = FactList()
        self.button = button(self.tr("Choose: {way}").format(way=heading.lower()))
        self.setLayout(column(label(heading, "strong"), self.facts, self.button, None))

    def show_way(self, way: Way | None) -> None:
        self.setVisible(way is not None)
        if way:
            self.facts.show_facts(way_words(way))
