"""Choose a model: one of the library, or a folder or file that lies elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from desktop.language import tr
from desktop.widgets.controls import label, row
from desktop.widgets.fields import Choice
from desktop.widgets.open_button import OpenButton
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.servers.listing import server_of

_LEAST_WIDTH = 140


class ModelPicker(QWidget):
    """Show the library in a list, with a button beside it; ``chosen`` tells the path of the model."""

    chosen = Signal(Path)

    def __init__(self, *, folders: bool = True) -> None:
        super().__init__()
        self.list = Choice()
        self.list.setPlaceholderText(self.tr("Choose a model of the library"))
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.list.setMinimumContentsLength(16)
        self.list.setMinimumWidth(_LEAST_WIDTH)  # else the words of its placeholder always have room
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.activated.connect(self._on_activated)
        self.name = label(self.tr("&Model"), "muted", buddy=self.list)
        self.open = OpenButton(self.tr("Open…"), folders=folders)
        self.open.chosen.connect(self._tell)
        layout = row(self.name, self.list, self.open)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.path: Path | None = None

    def show_library(self, entries: Sequence[Checkpoint]) -> None:
        """List the library; the choice stays, also if it lies elsewhere."""
        self.list.clear()
        for entry in entries:
            self._add(model_words(entry), str(entry.path))
        self._show_path()

    def choose(self, path: Path) -> None:
        """Choose a model without telling of it."""
        self.path = path
        self._show_path()

    def _show_path(self) -> None:
        if self.path is None:
            self.list.setCurrentIndex(-1)
            return
        data = str(self.path)  # Qt finds text, not Python's objects
        if self.list.findData(data) < 0:
            self._add(data, data)
        self.list.setCurrentIndex(self.list.findData(data))

    def _add(self, words: str, data: str) -> None:
        self.list.addItem(words, data)
        self.list.setItemData(self.list.count() - 1, data, Qt.ItemDataRole.ToolTipRole)

    @Slot(Path)
    def _tell(self, path: Path) -> None:
        self.choose(path)
        self.chosen.emit(path)

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        self._tell(Path(self.list.itemData(index)))


def model_words(entry: Checkpoint) -> str:
    """Return a model as a list shows it, the part that tells it from others first: “Llama-3-8B-Q4_K_M · meta-llama”."""
    if server := server_of(entry):
        words = f"{entry.title} · {server.name}"
        return tr("{model} (leaves this machine)").format(model=words) if server.leaves_machine else words
    publisher = entry.name.partition("/")[0]
    return f"{entry.title} · {publisher}" if publisher != entry.name else entry.title
