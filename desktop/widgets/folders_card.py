"""Every folder that Halfbyte uses, its size, and the way into it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.app_folders import AppFolder
from desktop.quantities import size
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, column, icon_button, label, paragraph, row

_HELP = QT_TR_NOOP(
    "Removing Halfbyte leaves all of these. If nothing is to stay, delete your data here before you remove the app."
)


class FoldersCard(Card):
    """``look_wanted`` comes whenever the card comes into sight; the others tell an :class:`AppFolder`.

    ``erase_wanted`` asks for all of them to be deleted, and comes only after they were shown.
    """

    look_wanted = Signal()
    open_wanted = Signal(object)
    clean_wanted = Signal(object)
    erase_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(self.tr("Folders on this computer"), "folder")
        self._wait = label(self.tr("Measuring the folders…"), "muted")
        self.folders: tuple[AppFolder, ...] = ()
        self._rows: dict[str, FolderRow] = {}
        self._lines = column(spacing=scale.XS)
        self.body.addWidget(self._wait)
        self.body.addLayout(self._lines)
        self.erase = button(self.tr("Delete my data…"), "danger", "trash")
        self.erase.clicked.connect(self.erase_wanted)
        self.erase.setEnabled(False)
        self.body.addWidget(label(tr(_HELP), "caption", wraps=True))
        self.body.addLayout(row(self.erase, None))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look_wanted.emit()

    @Slot(object)
    def show_folders(self, folders: Sequence[AppFolder]) -> None:
        """Show sizes; the lines stay, and so does the keyboard's focus."""
        self._wait.hide()
        self.folders = tuple(folders)
        self.erase.setEnabled(True)
        for folder in folders:
            if folder.name not in self._rows:
                self._rows[folder.name] = self._row(folder)
            self._rows[folder.name].show_folder(folder)

    def _row(self, folder: AppFolder) -> FolderRow:
        made = FolderRow(folder)
        made.open_wanted.connect(self.open_wanted)
        made.clean_wanted.connect(self.clean_wanted)
        self._lines.addWidget(made)
        return made


class FolderRow(QWidget):
    """One folder, with a button that opens it and perhaps one that cleans it."""

    open_wanted = Signal(object)
    clean_wanted = Signal(object)

    def __init__(self, folder: AppFolder) -> None:
        super().__init__()
        self._folder = folder
        self._words = paragraph("", "")
        self._words.setMinimumWidth(1)
        self._delete = icon_button("trash", folder.cleans)
        self._delete.clicked.connect(self._on_clean)
        self._delete.setVisible(bool(folder.cleans))
        self._open = icon_button("external", self.tr("Open the folder: {folder}").format(folder=folder.name))
        self._open.clicked.connect(self._on_open)
        layout = row(self._words, self._delete, self._open)
        layout.setStretch(0, 1)
        self.setLayout(layout)

    def show_folder(self, folder: AppFolder) -> None:
        self._folder = folder
        self._words.setText(f"{folder.name}: {size(folder.taken_bytes)}\n{folder.path}")
        self._delete.setEnabled(folder.taken_bytes > 0)
        self._open.setEnabled(folder.path.exists())

    @Slot()
    def _on_open(self) -> None:
        self.open_wanted.emit(self._folder)

    @Slot()
    def _on_clean(self) -> None:
        self.clean_wanted.emit(self._folder)
