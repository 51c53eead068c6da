"""Add models that lie elsewhere: a folder with models, or one file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton

from desktop.theme import scale
from desktop.theme.icons import icon


class AddButton(QPushButton):
    """``chosen`` tells the path."""

    chosen = Signal(Path)

    def __init__(self) -> None:
        super().__init__(self.tr("Add…"))
        self.setAccessibleName(self.tr("Add models"))
        self.setToolTip(self.tr("Use models that lie elsewhere; nothing is copied"))
        self.setIcon(icon("plus", "text"))
        self.setIconSize(QSize(scale.ICON, scale.ICON))
        self.setAutoDefault(False)
        self.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(icon("folder"), self.tr("Add a folder…"), self._on_folder)
        menu.addAction(icon("file"), self.tr("Add a .gguf file…"), self._on_file)
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    @Slot()
    def _on_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Add a folder with models"))
        if chosen:
            self.chosen.emit(Path(chosen))

    @Slot()
    def _on_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Add a model"), "", self.tr("Models (*.gguf)"))
        if chosen:
            self.chosen.emit(Path(chosen))
