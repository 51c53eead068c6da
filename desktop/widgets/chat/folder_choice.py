"""The folder whose conversations are listed, where there are folders."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.controls import label, row
from desktop.widgets.fields import Choice
from engine.chat.history.rows import Entry

_ALL = QT_TR_NOOP("All conversations")


class FolderChoice(QWidget):
    """``folder`` is "" for all; it tells of a change by the person, or because the folder is empty now."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.list = Choice()
        self.list.setToolTip(self.tr("Which conversations are listed"))
        self.list.addItem(tr(_ALL), "")
        self.list.currentIndexChanged.connect(self._on_changed)
        self.name = label(self.tr("Fol&der"), "muted", buddy=self.list)
        layout = row(self.name, self.list)
        layout.setStretch(1, 1)
        layout.setContentsMargins(scale.M, 0, scale.S, scale.S)
        self.setLayout(layout)
        self.hide()

    @property
    def folder(self) -> str:
        return self.list.currentData() or ""

    @property
    def folders(self) -> list[str]:
        return [self.list.itemData(number) for number in range(1, self.list.count())]

    def show_folders(self, entries: Iterable[Entry]) -> None:
        """Offer the folders that hold something; the choice stays if its folder is among them."""
        names = sorted({entry.folder for entry in entries if entry.folder}, key=str.casefold)
        if names == self.folders:
            return
        chosen = self.folder
        self.list.blockSignals(True)
        while self.list.count() > 1:
            self.list.removeItem(1)
        for name in names:
            self.list.addItem(name, name)
        self.choose(chosen)
        self.list.blockSignals(False)
        self.setVisible(bool(names))
        if self.folder != chosen:
            self.changed.emit()

    def choose(self, folder: str) -> None:
        """Choose a folder, or all where it is not there."""
        self.list.setCurrentIndex(max(self.list.findData(folder), 0))

    @Slot()
    def _on_changed(self) -> None:
        self.changed.emit()
