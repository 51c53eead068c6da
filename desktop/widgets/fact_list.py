"""Facts as rows of a name and a value."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import clear, label, paragraph


class FactList(QWidget):
    """Show pairs of words. A screen reader reads each value with its name."""

    def __init__(self, facts: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(scale.L)
        self._grid.setVerticalSpacing(scale.S)
        self._grid.setColumnStretch(1, 1)
        self.show_facts(facts)

    def show_facts(self, facts: Iterable[tuple[str, str]]) -> None:
        clear(self._grid)
        for line, (name, words) in enumerate(facts):
            value = paragraph(words, role="")
            value.setMinimumWidth(1)  # one long word must not make the page wider than the window
            value.setAccessibleName(f"{name}: {words}")
            self._grid.addWidget(label(name, "muted"), line, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, line, 1, Qt.AlignmentFlag.AlignTop)
