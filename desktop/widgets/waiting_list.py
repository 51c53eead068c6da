"""The conversions that wait for their turn, each to be moved or taken out."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from desktop.models.making import Line, Waiting
from desktop.widgets.card import Card
from desktop.widgets.controls import button, clear, column, icon_button, label, paragraph, row


class WaitingList(Card):
    """Show a :class:`Line`; hidden while nothing waits. ``moved`` tells a number and where to, ``removed`` a number.

    ``continued``: the line of the last time, which is held until the person says so, may go on.
    Alt+Up, Alt+Down and Delete do it by keyboard, from wherever the focus is in a row.
    """

    moved = Signal(int, int)
    removed = Signal(int)
    continued = Signal()

    def __init__(self) -> None:
        super().__init__(self.tr("Waiting"), "convert")
        self._rows = column()
        self.held = paragraph(self.tr("These were waiting when Halfbyte ended. Nothing begins by itself."))
        self.go_on = button(self.tr("Continue"), "primary", "convert")
        self.go_on.clicked.connect(self.continued)
        self.body.addWidget(self.held)
        self.body.addLayout(self._rows)
        self.body.addLayout(row(self.go_on, None))
        self.show_line(Line())

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows, the next one first."""
        items = (self._rows.itemAt(place) for place in range(self._rows.count()))
        return tuple(row for item in items if item and isinstance(row := item.widget(), Row))

    def show_line(self, line: Line, *, held: bool = False) -> None:
        """Show the line as it stands now; the row that has the focus keeps it."""
        focus = self.focusWidget()
        focused = next((one.number for one in self.rows if focus and one.isAncestorOf(focus)), None)
        clear(self._rows)
        for place, waiting in enumerate(line.waiting):
            made = Row(waiting, first=place == 0, last=place == len(line.waiting) - 1)
            made.moved.connect(partial(self.moved.emit, waiting.number))
            made.removed.connect(partial(self.removed.emit, waiting.number))
            self._rows.addWidget(made)
            if waiting.number == focused:
                made.remove.setFocus()
        self.held.setVisible(held)
        self.go_on.setVisible(held)
        self.setVisible(bool(line.waiting))


class Row(QWidget):
    """One that waits."""

    moved = Signal(int)
    removed = Signal()

    def __init__(self, waiting: Waiting, *, first: bool, last: bool) -> None:
        super().__init__()
        self.number = waiting.number
        self.up = icon_button("chevron-up", self.tr("Move {model} up").format(model=waiting.title))
        self.down = icon_button("chevron-down", self.tr("Move {model} down").format(model=waiting.title))
        self.remove = icon_button("close", self.tr("Take {model} out").format(model=waiting.title))
        self.up.setEnabled(not first)
        self.down.setEnabled(not last)
        self.up.clicked.connect(partial(self.moved.emit, -1))
        self.down.clicked.connect(partial(self.moved.emit, 1))
        self.remove.clicked.connect(self.removed)
        name = label(waiting.title, wraps=True)
        layout = row(name, self.up, self.down, self.remove)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        for keys, pressed in (("Alt+Up", self.up), ("Alt+Down", self.down), ("Del", self.remove)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(pressed.click)
