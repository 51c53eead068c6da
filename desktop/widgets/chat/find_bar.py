"""Find words in the conversation that is shown: a line above it, opened by Ctrl+F and closed by Escape."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout

from desktop.theme import scale
from desktop.widgets.controls import icon_button, label
from desktop.widgets.search_field import SearchField


class FindBar(QFrame):
    """``changed`` carries the words, ``stepped`` -1 or 1, and ``left`` comes when it was closed."""

    changed = Signal(str)
    stepped = Signal(int)
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.field = SearchField(self.tr("Find in this conversation"), self.tr("Find in this conversation"))
        self.words = label("", "muted")
        self.before = icon_button("chevron-up", self.tr("Find the one before"))
        self.after = icon_button("chevron-down", self.tr("Find the next"))
        self.close_it = icon_button("close", self.tr("Close the search"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(scale.XL, 0, scale.XL, scale.S)
        layout.addWidget(self.field, 1)
        for part in (self.words, self.before, self.after, self.close_it):
            layout.addWidget(part)
        self.field.textChanged.connect(self.changed)
        self.field.returnPressed.connect(self._on_after)
        self.field.back.connect(self._on_before)
        self.field.left.connect(self.leave)
        self.before.clicked.connect(self._on_before)
        self.after.clicked.connect(self._on_after)
        self.close_it.clicked.connect(self.leave)
        self.hide()

    def open_it(self) -> None:
        self.show()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()
        self.changed.emit(self.field.text())

    def show_found(self, number: int, count: int) -> None:
        """Say which of the messages that were found is shown, from 1."""
        found = self.tr("{number} of {count}").format(number=number, count=count) if count else self.tr("Not found")
        self.words.setText(found if self.field.text() else "")
        for one in (self.before, self.after):
            one.setEnabled(count > 1)

    @Slot()
    def leave(self) -> None:
        self.hide()
        self.left.emit()

    @Slot()
    def _on_before(self) -> None:
        self.stepped.emit(-1)

    @Slot()
    def _on_after(self) -> None:
        self.stepped.emit(1)
