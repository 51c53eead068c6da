"""What happens when the context is full: as in the settings, or one of the ways for this conversation."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot

from desktop.widgets.fields import Choice
from engine.chat.context import WHEN_FULL, WhenFull


class WhenFullField(Choice):
    """``changed`` carries a way, or "" for the setting's."""

    changed = Signal(str)

    def __init__(self, inherited: WhenFull) -> None:
        super().__init__()
        self.addItem(self.tr("As in the settings: {choice}").format(choice=WHEN_FULL[inherited]), "")
        for way, words in WHEN_FULL.items():
            self.addItem(words, way)
        self.activated.connect(self._on_activated)

    def show_way(self, way: str) -> None:
        """Show a way without telling of it."""
        self.setCurrentIndex(self.findData(way))

    @Slot(int)
    def _on_activated(self, _index: int) -> None:
        self.changed.emit(self.currentData())
