"""One download: what it is, how far it is, what is in its way, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractButton, QFrame, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop.faults import Button
from desktop.models import download_words as words
from desktop.models.download_words import Deed
from desktop.theme import scale
from desktop.widgets.controls import add, button, clear, icon_button, label, paragraph, restyle, row
from desktop.widgets.flow_layout import FlowLayout
from engine.catalog.download.item import Item, State

_STEPS = 1000
_LOOKS: Mapping[Deed, tuple[str, str]] = {  # role and icon
    Deed.PAUSE: ("", "pause"),
    Deed.RESUME: ("primary", "play"),
    Deed.REMOVE: ("quiet", "trash"),
    Deed.CHAT: ("primary", "chat"),
    Deed.SHOW: ("", "library"),
    Deed.CLEAR: ("quiet", "close"),
}


class DownloadCard(QFrame):
    """Show one :class:`Item`. ``wanted`` tells a deed, ``way_chosen`` a button of what is in the way.

    Alt+Up and Alt+Down move it in the line, Delete removes it, from wherever the focus is in it.
    """

    wanted = Signal(object)
    way_chosen = Signal(object)

    def __init__(self, item: Item) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.item = item
        self.ways: dict[Button, QPushButton] = {}
        self.title = label(item.plan.title, "strong", wraps=True)
        self.state = label("", "tag")
        self.up = icon_button("chevron-up", self.tr("Move {model} up").format(model=item.plan.title))
        self.down = icon_button("chevron-down", self.tr("Move {model} down").format(model=item.plan.title))
        self.bar = QProgressBar(textVisible=False, maximum=_STEPS)
        self.bar.setAccessibleName(self.tr("Progress of {model}").format(model=item.plan.title))
        self.amount = label("", "caption", wraps=True)
        self.obstacle = paragraph("", "bad")
        self._buttons = {deed: self._button(deed, *look) for deed, look in _LOOKS.items()}
        self._ways_row = FlowLayout()
        self._deeds = QWidget()
        self._deeds.setLayout(FlowLayout(*self._buttons.values()))
        self._lay_out()
        self._connect()
        self.show_item(item)

    @property
    def stops(self) -> tuple[QWidget, ...]:
        """Return where the Tab key stops, in order."""
        return self.up, self.down, *self._buttons.values()

    def button(self, deed: Deed) -> QAbstractButton:
        return {Deed.UP: self.up, Deed.DOWN: self.down}.get(deed) or self._buttons[deed]

    def show_item(self, item: Item) -> None:
        self.item = item
        self.state.setText(words.state_words(item))
        self.bar.setValue(round(_STEPS * item.done_bytes / max(1, item.plan.size_bytes)))
        self.bar.setVisible(item.state is not State.DONE)
        self.amount.setText(words.amount_words(item))
        self.amount.setVisible(bool(self.amount.text()))
        self.setAccessibleName(f"{item.plan.title}: {self.state.text()}")
        self.setAccessibleDescription(self.amount.text())
        self._show_obstacle()
        self._show_deeds()

    def show_place(self, *, first: bool, last: bool, alone: bool) -> None:
        """Say where in the line it stands: the first cannot move up, nor the last down."""
        for arrow, enabled in ((self.up, not first), (self.down, not last)):
            arrow.setVisible(not alone and self.item.state is not State.DONE)
            arrow.setEnabled(enabled)

    def _show_obstacle(self) -> None:
        found = words.obstacle(self.item)
        self.obstacle.setVisible(found is not None)
        self.obstacle.setText(found.sentence if found else "")
        if found and found.level != self.obstacle.property("role"):
            restyle(self.obstacle, role=found.level)
        ways = found.ways if found else ()
        if ways != tuple(self.ways):
            self._show_ways(ways)

    def _show_ways(self, ways: Iterable[Button]) -> None:
        clear(self._ways_row)
        self.ways = {way: button(way.label) for way in ways}
        before: QWidget = self.down
        for way, made in self.ways.items():
            made.clicked.connect(partial(self._choose_way, way))
            self._ways_row.addWidget(made)
            QWidget.setTabOrder(before, made)
            before = made

    def _show_deeds(self) -> None:
        shown = words.deeds(self.item)
        focused = next((made for deed, made in self._buttons.items() if made.hasFocus() and deed not in shown), None)
        for deed, made in self._buttons.items():
            made.setVisible(deed in shown)
            if deed in shown and made.text() != words.deed_words(deed, self.item):
                made.setText(words.deed_words(deed, self.item))
            made.setAccessibleName(f"{words.deed_words(deed, self.item)}: {self.item.plan.title}")
        if focused:  # what it became takes the focus, not the next one, which removes
            self._buttons[shown[0]].setFocus()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.L, scale.M, scale.M, scale.M)
        layout.setSpacing(scale.S)
        head = row(self.title, self.state, self.up, self.down)
        head.setStretch(0, 1)
        head.setAlignment(self.state, Qt.AlignmentFlag.AlignVCenter)
        self.what = label(words.what_words(self.item), "caption", wraps=True)
        add(layout, [head, self.what, self.bar, self.amount, self.obstacle, self._ways_row, self._deeds])

    def _connect(self) -> None:
        self.up.clicked.connect(partial(self._want, Deed.UP))
        self.down.clicked.connect(partial(self._want, Deed.DOWN))
        for keys, deed in (("Alt+Up", Deed.UP), ("Alt+Down", Deed.DOWN), ("Del", Deed.REMOVE)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self._press, deed))

    def _button(self, deed: Deed, role: str, icon_name: str) -> QPushButton:
        made = button("", role, icon_name)
        made.clicked.connect(partial(self._want, deed))
        return made

    def _press(self, deed: Deed) -> None:
        """Do by a key what a button does, if it can be pressed now."""
        target = self._buttons[Deed.CLEAR] if deed is Deed.REMOVE and self.item.state is State.DONE else None
        (target or self.button(deed)).click()

    @Slot()
    def _choose_way(self, way: Button, *_: object) -> None:
        self.way_chosen.emit(way)

    @Slot()
    def _want(self, deed: Deed, *_: object) -> None:
        self.wanted.emit(deed)
