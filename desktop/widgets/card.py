"""A card: an icon, a heading, and what belongs under it. Cards stand side by side where there is room."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.theme.icons import pixmap
from desktop.widgets.controls import add, label, row

_CARD_WIDTH = 380  # two cards stand side by side from twice this width on


class Card(QFrame):
    """A frame with a heading. Fill :attr:`body`."""

    def __init__(self, heading: str, icon_name: str = "", role: str = "card") -> None:
        super().__init__()
        self.setProperty("role", role)
        self.setAccessibleName(heading)
        self._icon_name = icon_name
        self._icon = QLabel()
        self.heading = label(heading, "heading", wraps=True)
        self.body = QVBoxLayout()
        self.body.setSpacing(scale.S)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.L + 4, scale.L, scale.L + 4, scale.L)
        layout.setSpacing(scale.M)
        head = row(self._icon, self.heading, spacing=scale.M) if icon_name else row(self.heading)
        head.setStretch(head.count() - 1, 1)
        add(layout, [head, self.body])
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self._draw_icon()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        if self._icon_name:
            self._icon.setPixmap(pixmap(self._icon_name, "accent", 22, self.devicePixelRatioF()))


class CardGrid(QWidget):
    """Stand cards in one or two columns, as the width allows."""

    def __init__(self) -> None:
        super().__init__()
        self._cards: list[QWidget] = []
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(scale.L)

    def show_cards(self, cards: list[Card]) -> None:
        for old in self._cards:
            self._grid.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._cards = list(cards)
        self._place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._wanted_columns() != self._columns:
            self._place()

    def _wanted_columns(self) -> int:
        return 2 if self.width() >= 2 * _CARD_WIDTH else 1

    def _place(self) -> None:
        self._columns = self._wanted_columns()
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, self._columns - 1)
        for index, card in enumerate(self._cards):
            self._grid.addWidget(card, index // self._columns, index % self._columns)
