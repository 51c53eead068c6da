"""The models that are here."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from desktop.models.library_model import Entry, LibraryModel
from desktop.widgets.confirm_dialog import ConfirmDialog
from desktop.widgets.controls import button, label
from desktop.widgets.drop_zone import DropZone, model_path
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.library_table import LibraryTable
from desktop.widgets.open_button import OpenButton
from desktop.widgets.page import Page
from engine.quantities import size

_WIDTH = 1000


class LibraryPage(Page):
    """List the library and say what is to be done with a model.

    ``suggestion_wanted`` comes with a path that may lie outside the library; the other wishes are about an entry's.
    """

    chat_wanted = Signal(Path)
    suggestion_wanted = Signal(Path)
    convert_wanted = Signal(Path)
    delete_wanted = Signal(object)
    refresh_wanted = Signal()

    def __init__(self, folder: Path) -> None:
        super().__init__("Library", "The models on this computer.", _WIDTH)
        self.setAcceptDrops(True)
        self._folder = folder
        self._selected = ""
        self.open = OpenButton()
        self.open.chosen.connect(self.suggestion_wanted)
        self.refresh = button("Refresh", "quiet", "refresh")
        self.refresh.clicked.connect(self.refresh_wanted)
        self.buttons.addWidget(self.refresh)
        self.buttons.addWidget(self.open)
        self.entries = LibraryModel()
        self.table = LibraryTable(self.entries)
        self.table.picked.connect(self._on_picked)
        self.table.opened.connect(self._on_opened)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._on_menu)
        self._make_deeds()
        self.empty = EmptyState(
            "library",
            "No models yet",
            "Drop a model's folder or a .gguf file here, or open one. What you convert is kept here as well.",
        )
        self.where = label("", "caption", wraps=True)
        self.drop = DropZone("Drop a model folder or a .gguf file here to see what fits")
        self.drop.dropped.connect(self.suggestion_wanted)
        for widget in (self._deeds, self.table, self.empty, self.drop, self.where):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.show_folder(folder)
        self.show_entries(())

    def retry(self) -> None:
        self.refresh_wanted.emit()

    def show_folder(self, folder: Path) -> None:
        self._folder = folder
        self.where.setText(f"Models are kept in {folder}")

    @Slot(object)
    def show_entries(self, entries: Sequence[Entry]) -> None:
        """List what there is; what was selected stays selected."""
        before = self._selected
        self.entries.show_rows(entries)
        self.table.setVisible(bool(entries))
        self._deeds.setVisible(bool(entries))
        self.empty.setVisible(not entries)
        if entries:
            self.table.selectRow(max(0, self.entries.row_of(before)))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if model_path(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.drop.dropEvent(event)

    def _make_deeds(self) -> None:
        self.chat = _deed("Chat", "primary", "chat", self._on_chat)
        self.fits = _deed("See what fits", "", "suggestion", self._on_fits)
        self.convert = _deed("Convert", "", "convert", self._on_convert)
        self.show_in_folder = _deed("Show in folder", "quiet", "folder", self._on_show)
        self.delete = _deed("Delete", "quiet", "trash", self._on_delete)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table, self._on_delete)
        self._deeds = QWidget()
        self._deeds.setLayout(FlowLayout(self.chat, self.fits, self.convert, self.show_in_folder, self.delete))

    @Slot(object)
    def _on_picked(self, entry: Entry | None) -> None:
        self._selected = entry.checkpoint.name if entry else self._selected
        usable = bool(entry and not entry.damaged)
        self.chat.setEnabled(bool(entry and entry.can_chat))
        self.fits.setEnabled(usable)
        self.convert.setEnabled(usable and bool(entry and entry.can_convert))
        self.show_in_folder.setEnabled(bool(entry))
        self.delete.setEnabled(bool(entry))

    @Slot(object)
    def _on_opened(self, entry: Entry) -> None:
        (self.chat_wanted if entry.can_chat else self.suggestion_wanted).emit(entry.checkpoint.path)

    @Slot()
    def _on_chat(self) -> None:
        if self.table.entry:
            self.chat_wanted.emit(self.table.entry.checkpoint.path)

    @Slot()
    def _on_fits(self) -> None:
        if self.table.entry:
            self.suggestion_wanted.emit(self.table.entry.checkpoint.path)

    @Slot()
    def _on_convert(self) -> None:
        if self.table.entry:
            self.convert_wanted.emit(self.table.entry.checkpoint.path)

    @Slot()
    def _on_show(self) -> None:
        if self.table.entry:
            path = self.table.entry.checkpoint.path
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))

    @Slot()
    def _on_delete(self) -> None:
        entry = self.table.entry
        if not entry:
            return
        consequence = f"{entry.checkpoint.name} ({size(entry.checkpoint.size_bytes)}) goes for good."
        dialog = ConfirmDialog(f"Delete {entry.checkpoint.title}?", consequence, "Delete", self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(partial(self.delete_wanted.emit, entry.checkpoint))
        dialog.open()

    @Slot(QPoint)
    def _on_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for deed in (self.chat, self.fits, self.convert, self.show_in_folder, self.delete):
            action = menu.addAction(deed.icon(), deed.text(), deed.click)
            action.setEnabled(deed.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(at))


def _deed(text: str, role: str, icon: str, slot: object) -> QPushButton:
    made = button(text, role, icon)
    made.clicked.connect(slot)
    return made
