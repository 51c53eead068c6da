"""A sentence about what was just done, with the ways on from there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QFrame, QHBoxLayout

from desktop.theme import scale
from desktop.widgets.controls import button, icon_button, label, restyle

Way = tuple[str, Callable[[], object]]


class NoteStrip(QFrame):
    """Hidden until :meth:`show_note`; each way's button does its deed and closes the strip."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "banner")
        self.words = label("", "", wraps=True)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(scale.M, scale.S, scale.S, scale.S)
        self._layout.addWidget(self.words, 1)
        self.dismiss = icon_button("close", self.tr("Dismiss"))
        self.dismiss.clicked.connect(self.hide)
        self._layout.addWidget(self.dismiss)
        self.ways = []
        self.hide()

    def show_note(self, words: str, *ways: Way, level: str = "info") -> None:
        for old in self.ways:
            self._layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.ways = [button(name) for name, _ in ways]
        for place, (made, (_, deed)) in enumerate(zip(self.ways, ways, strict=True), 1):
            made.clicked.connect(partial(self._on_way, deed))
            self._layout.insertWidget(place, made)
        self.words.setText(words)
        self.setAccessibleName(words)
        restyle(self, level=level)
        self.show()

    def _on_way(self, deed: Callable[[], object], _checked: bool = False) -> None:
        self.hide()
        deed()
