"""Open a model that lies anywhere: a folder or a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton

from desktop.theme import scale
from desktop.theme.icons import icon


class OpenButton(QPushButton):
    """A button with two ways, or only that of files; ``chosen`` tells the path."""

    chosen = Signal(Path)

    def __init__(self, text: str = "", *, folders: bool = True) -> None:
        super().__init__()
        text = text or self.tr("Open a model…")
        self.setText(text)
        self._folders = folders
        self.setAccessibleName(text)
        self.setToolTip(
            self.tr("A model's folder or a .gguf file that lies elsewhere") if folders else self.tr("A .gguf file")
        )
        self.setIcon(icon("folder", "text"))
        self.setIconSize(QSize(scale.ICON, scale.ICON))
        self.setAutoDefault(False)
        self.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        if not self._folders:
            self._on_file()
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("folder"), self.tr("A model's folder…"), self._on_folder)
        menu.addAction(icon("file"), self.tr("A .gguf file…"), self._on_file)
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    @Slot()
    def _on_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Open a model's folder"))
        if chosen:
            self.chosen.emit(Path(chosen))

    @Slot()
    def _on_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Open a model"), "", self.tr("Models (*.gguf)"))
        if chosen:
            self.chosen.emit(Path(chosen))
