"""The way from page to page: one button each, driven by mouse, arrow keys or Ctrl and a digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.language import tr
from desktop.theme import scale
from desktop.theme.icons import app_icon, icon
from desktop.widgets.controls import label, row

_WIDE, _NARROW = 196, 64
_BEFORE, _AFTER = (Qt.Key.Key_Up, Qt.Key.Key_Left), (Qt.Key.Key_Down, Qt.Key.Key_Right)


@dataclass(frozen=True, slots=True)
class Place:
    """A page as the sidebar shows it. ``last`` ones stand at the foot."""

    name: str
    title: str
    icon: str
    last: bool = False


class Sidebar(QFrame):
    """Show a button for each place; ``chosen`` tells the name of the one that was pressed."""

    chosen = Signal(str)

    def __init__(self, places: Sequence[Place], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "sidebar")
        self.setAccessibleName(self.tr("Pages"))
        self._buttons = {place.name: _button(place, number) for number, place in enumerate(places, 1)}
        self._group = QButtonGroup(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(scale.S + 2, scale.L, scale.S + 2, scale.L)
        self._layout.setSpacing(scale.XS)
        self._layout.addWidget(self._brand())
        self._layout.addSpacing(scale.M)
        for place in places:
            self._add(place)
        if not any(place.last for place in places):
            self._layout.addStretch(1)
        self.set_wide(True)

    def button(self, name: str) -> QPushButton:
        return self._buttons[name]

    def set_current(self, name: str) -> None:
        self._buttons[name].setChecked(True)

    def set_wide(self, wide: bool) -> None:
        """Show words beside the icons, or only the icons where the window is small."""
        for button in self._buttons.values():
            button.setText(f" {button.accessibleName()}" if wide else "")  # a space is all that widens the icon's gap
        self._word.setVisible(wide)
        self.setFixedWidth(_WIDE if wide else _NARROW)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = (event.key() in _AFTER) - (event.key() in _BEFORE)
        if not step:
            super().keyPressEvent(event)
            return
        buttons = list(self._buttons.values())
        at = next((index for index, button in enumerate(buttons) if button.hasFocus()), 0)
        target = buttons[(at + step) % len(buttons)]
        target.setFocus(Qt.FocusReason.TabFocusReason)
        target.click()

    def _brand(self) -> QWidget:
        mark = QLabel()
        mark.setPixmap(app_icon().pixmap(QSize(28, 28), self.devicePixelRatioF()))
        self._word = label("Halfbyte", "heading")
        brand = QWidget()
        brand.setLayout(row(scale.S - 1, mark, self._word, None, spacing=scale.S + 2))
        return brand

    def _add(self, place: Place) -> None:
        if place.last:
            self._layout.addStretch(1)
        button = self._buttons[place.name]
        button.clicked.connect(self._on_clicked)
        self._group.addButton(button)
        self._layout.addWidget(button)

    @Slot()
    def _on_clicked(self) -> None:
        pressed = self._group.checkedButton()
        self.chosen.emit(next(name for name, button in self._buttons.items() if button is pressed))


def _button(place: Place, number: int) -> QPushButton:
    made = QPushButton()
    made.setProperty("role", "nav")
    made.setIcon(icon(place.icon, "text_muted", "on_accent_soft"))
    made.setIconSize(QSize(20, 20))
    made.setCheckable(True)
    made.setAutoExclusive(True)  # one of several, says a screen reader
    made.setAccessibleName(tr(place.title))
    made.setToolTip(f"{tr(place.title)} (Ctrl+{number % 10})")
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made
