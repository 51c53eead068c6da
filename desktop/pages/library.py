"""The models that are here, in the library and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QMenu, QPushButton, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.library_model import Entry, LibraryModel
from desktop.models.library_words import details, removal_words
from desktop.widgets.add_button import AddButton
from desktop.widgets.card import Card
from desktop.widgets.choice_dialog import ChoiceDialog
from desktop.widgets.controls import button
from desktop.widgets.drop_zone import DropZone, model_path
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.fact_list import FactList
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.library_filter import LibraryFilter
from desktop.widgets.library_table import LibraryTable
from desktop.widgets.note_strip import NoteStrip
from desktop.widgets.page import Page
from desktop.widgets.places_card import PlacesCard
from engine.catalog.removal import Removal
from engine.machine.facts import Machine
from engine.recommend.here import can_never_run, why_not_here

_WIDTH = 1000
VERIFY, FINGERPRINT = QT_TR_NOOP("Verify"), QT_TR_NOOP("Note its fingerprint")


class LibraryPage(Page):
    """List the models and say what is to be done with one.

    ``add_wanted`` comes with a path that lies anywhere, ``removal_wanted`` with a confirmed plan and whether it is for
    good; the other wishes are about an entry's checkpoint or path.
    """

    chat_wanted = Signal(Path)
    suggestion_wanted = Signal(Path)
    convert_wanted = Signal(Path)
    compare_wanted = Signal(Path)
    serve_wanted = Signal(object)
    verify_wanted = Signal(object)
    fingerprint_wanted = Signal(object)
    repair_wanted = Signal(object)
    copy_wanted = Signal(object)
    delete_wanted = Signal(object)
    removal_wanted = Signal(object, bool)
    add_wanted = Signal(Path)
    refresh_wanted = Signal()
    starter_wanted = Signal()

    def __init__(self, folder: Path) -> None:
        super().__init__(
            self.tr("Library"), self.tr("The models on this computer, those of other apps among them."), _WIDTH
        )
        self.setAcceptDrops(True)
        self._selected = ""
        self._machine: Machine | None = None
        self._make_header()
        self.entries = LibraryModel()
        self.table = LibraryTable(self.entries)
        self.table.picked.connect(self._on_picked)
        self.table.opened.connect(self._on_opened)
        self.entries.modelReset.connect(self._on_reset)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._on_menu)
        self.filter = LibraryFilter()
        self.filter.changed.connect(self._on_filter)
        self._make_deeds()
        self.note = NoteStrip()
        self.details = Card(self.tr("Details"), "info")
        self.facts = FactList()
        self.details.body.addWidget(self.facts)
        self.starter = button(self.tr("Put the starter model here"), "", "plus")
        self.starter.clicked.connect(self.starter_wanted)
        self.empty = EmptyState(
            "library",
            self.tr("No models yet"),
            self.tr(
                "Drop a model's folder or a .gguf file here, or add one. What you fetch and convert is kept here "
                "as well."
            ),
            self.starter,
        )
        self.places = PlacesCard()
        self.drop = DropZone(self.tr("Drop a folder with models or a .gguf file here to use it where it lies"))
        self.drop.dropped.connect(self.add_wanted)
        shown = (self.note, self.filter, self._deeds, self.table, self.empty, self.details, self.drop, self.places)
        for widget in shown:
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.show_folder(folder)
        self.show_entries(())

    def retry(self) -> None:
        self.refresh_wanted.emit()

    def show_folder(self, folder: Path) -> None:
        self.places.show_folder(folder)

    @Slot(object)
    def show_entries(self, entries: Sequence[Entry]) -> None:
        """List what there is; what was selected stays selected."""
        self.entries.show_rows(entries)
        self.filter.show_places(self.entries.places)
        for widget in (self.table, self.filter, self._deeds, self.details):
            widget.setVisible(bool(entries))
        self.empty.setVisible(not entries)

    @Slot(object)
    def show_machine(self, machine: Machine) -> None:
        """Say of each model from now on why this computer does not run it, where that is so."""
        self._machine = machine
        self._on_picked(self.table.entry)

    @Slot(object)
    def show_removal(self, plan: Removal) -> None:
        """Ask whether a model is to go, and where to; the trash is the first choice where there is one."""
        trash = not plan.why_no_trash
        ways = (
            [(self.tr("Move to the trash"), "danger"), (self.tr("Delete for good"), "quiet")]
            if trash
            else [(self.tr("Delete for good"), "danger")]
        )
        question = self.tr("Delete {model}?").format(model=plan.checkpoint.title)
        dialog = ChoiceDialog(question, removal_words(plan, trash=trash), ways, self)
        dialog.chosen.connect(partial(self._on_removal, plan, trash))
        dialog.open()

    def showEvent(self, event: QShowEvent) -> None:
        """Read anew whenever the person comes here: models are used, fetched and added elsewhere."""
        super().showEvent(event)
        self.refresh_wanted.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if model_path(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.drop.dropEvent(event)

    def _make_header(self) -> None:
        self.refresh = button(self.tr("Refresh"), "quiet", "refresh")
        self.refresh.clicked.connect(self.refresh_wanted)
        self.add = AddButton()
        self.add.chosen.connect(self.add_wanted)
        self.buttons.addWidget(self.refresh)
        self.buttons.addWidget(self.add)

    def _make_deeds(self) -> None:
        self.chat = _deed(self.tr("Chat"), "primary", "chat", partial(self._wish, self.chat_wanted, path=True))
        self.fits = _deed(
            self.tr("See what fits"), "", "suggestion", partial(self._wish, self.suggestion_wanted, path=True)
        )
        self.convert = _deed(self.tr("Convert"), "", "convert", partial(self._wish, self.convert_wanted, path=True))
        self.compare = _deed(self.tr("Compare"), "", "compare", partial(self._wish, self.compare_wanted, path=True))
        self.serve = _deed(self.tr("Serve for many…"), "", "servers", partial(self._wish, self.serve_wanted))
        self.verify = _deed(tr(VERIFY), "quiet", "check", self._on_verify)
        self.repair = _deed(self.tr("Repair"), "quiet", "download", partial(self._wish, self.repair_wanted))
        self.copy = _deed(self.tr("Copy into the library"), "quiet", "copy", partial(self._wish, self.copy_wanted))
        self.show_in_folder = _deed(self.tr("Show in folder"), "quiet", "folder", self._on_show)
        self.delete = _deed(self.tr("Delete"), "quiet", "trash", partial(self._wish, self.delete_wanted))
        QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.table, self.delete.click)
        self._all_deeds = (self.chat, self.fits, self.convert, self.compare, self.serve)
        self._all_deeds += (self.verify, self.repair, self.copy, self.show_in_folder, self.delete)
        self._deeds = QWidget()
        self._deeds.setLayout(FlowLayout(*self._all_deeds))

    @Slot()
    def _on_reset(self) -> None:
        """Select again what was selected, wherever it stands now."""
        if self.entries.rows:
            self.table.selectRow(max(0, self.entries.row_of(self._selected)))

    @Slot(str, str)
    def _on_filter(self, words: str, place: str) -> None:
        self.entries.show_filter(words, place)
        self.filter.show_count(len(self.entries.rows), len(self.entries.all))

    @Slot(object)
    def _on_picked(self, entry: Entry | None) -> None:
        self._selected = entry.checkpoint.name if entry else self._selected
        usable = bool(entry and not entry.damaged)
        self._show_chat(entry)
        self.fits.setEnabled(usable)
        self.convert.setEnabled(usable and bool(entry and entry.can_convert))
        self.compare.setEnabled(usable)
        self.serve.setEnabled(usable)
        self._show_verify(entry)
        self.repair.setVisible(bool(entry and entry.damaged and entry.can_repair))
        self.copy.setVisible(bool(entry and not entry.is_own and usable))
        self.show_in_folder.setEnabled(bool(entry))
        self.delete.setEnabled(bool(entry and entry.is_own))
        belongs = (
            self.tr("It belongs to {place}: delete it there.").format(place=entry.place)
            if entry and not entry.is_own
            else ""
        )
        self.delete.setToolTip(belongs)
        self.facts.show_facts(details(entry, self._machine) if entry else ())
        self.details.heading.setText(entry.checkpoint.title if entry else self.tr("Details"))

    def _show_chat(self, entry: Entry | None) -> None:
        format_id = entry.checkpoint.format_id if entry else ""
        never = bool(self._machine and can_never_run(format_id, self._machine))
        self.chat.setEnabled(bool(entry and entry.can_chat and not never))
        self.chat.setToolTip(why_not_here(format_id, self._machine) if self._machine else "")

    def _show_verify(self, entry: Entry | None) -> None:
        words = tr(FINGERPRINT if entry and not entry.can_verify else VERIFY)
        self.verify.setText(words)
        self.verify.setAccessibleName(words)
        self.verify.setEnabled(bool(entry and (entry.can_verify or not entry.damaged)))

    @Slot(object)
    def _on_opened(self, entry: Entry) -> None:
        (self.chat_wanted if self.chat.isEnabled() else self.suggestion_wanted).emit(entry.checkpoint.path)

    def _wish(self, signal: object, _checked: bool = False, *, path: bool = False) -> None:
        if self.table.entry:
            model = self.table.entry.checkpoint
            signal.emit(model.path if path else model)  # type: ignore[attr-defined]

    @Slot()
    def _on_verify(self) -> None:
        entry = self.table.entry
        if entry:
            self._wish(self.verify_wanted if entry.can_verify else self.fingerprint_wanted)

    @Slot()
    def _on_show(self) -> None:
        if self.table.entry:
            path = self.table.entry.checkpoint.path
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(path if path.is_dir() else path.parent)))

    def _on_removal(self, plan: Removal, trash: bool, number: int) -> None:
        self.removal_wanted.emit(plan, not trash or number == 1)

    @Slot(QPoint)
    def _on_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for deed in self._all_deeds:
            if deed.isVisible():
                action = menu.addAction(deed.icon(), deed.text(), deed.click)
                action.setEnabled(deed.isEnabled())
        menu.popup(self.table.viewport().mapToGlobal(at))


def _deed(text: str, role: str, icon: str, slot: object) -> QPushButton:
    made = button(text, role, icon)
    made.clicked.connect(slot)
    return made
