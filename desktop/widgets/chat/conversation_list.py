"""The panel at the left of the chat page: search, the list of conversations, and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QFrame, QMenu, QStackedWidget, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.conversation_rows import ROW, ConversationRows
from desktop.theme import scale
from desktop.theme.icons import icon
from desktop.widgets.chat.announcer import announce
from desktop.widgets.chat.conversation_view import ConversationView
from desktop.widgets.chat.folder_choice import FolderChoice
from desktop.widgets.chat.folder_dialog import FolderDialog
from desktop.widgets.controls import icon_button, label, row
from desktop.widgets.search_field import SearchField
from engine.chat.history.rows import Entry
from engine.chat.history.search import Hit

FORMS = {
    "markdown": QT_TR_NOOP("Markdown…"),
    "html": QT_TR_NOOP("Web page (HTML)…"),
    "json": QT_TR_NOOP("JSON, with all versions…"),
}
WIDTH = 264
_TYPING_MS = 120
_EMPTY = QT_TR_NOOP("Your conversations will be listed here.")
_NO_ARCHIVED = QT_TR_NOOP("Nothing is archived.")


class ConversationList(QFrame):
    """Show what it is given, and tell what the person wants done; ids are a conversation's.

    ``opened`` carries an :class:`Entry` or a :class:`Hit`, ``archive_wanted`` and ``pin_wanted`` (id, whether),
    ``export_wanted`` (id, form; no id is all of them), ``move_wanted`` (ids, folder; "" is none), ``dissolve_wanted``
    (ids of all in a folder, its name), ``left`` comes when the person is done with the panel.
    """

    opened = Signal(object)
    search_wanted = Signal(str)
    rename_wanted = Signal(object, str)
    pin_wanted = Signal(object, bool)
    archive_wanted = Signal(object, bool)
    delete_wanted = Signal(object)
    move_wanted = Signal(list, str)
    dissolve_wanted = Signal(list, str)
    export_wanted = Signal(object, str)
    import_wanted = Signal()
    keys_wanted = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "sidebar")
        self.setFixedWidth(WIDTH)
        self.rows = ConversationRows()
        self.view = ConversationView(self.rows)
        self.field = SearchField(self.tr("Search"), self.tr("Search conversations"))
        self.field.setToolTip(self.tr("Search everything that was said (Ctrl+K)"))
        self.more = icon_button("more", self.tr("More about conversations"))
        self.shut = icon_button("close", self.tr("Hide the conversations"))
        self.folders = FolderChoice()
        self.nothing = label(tr(_EMPTY), "muted", wraps=True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignHCenter)
        self.nothing.setContentsMargins(scale.L, scale.XL, scale.L, 0)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.view)
        self._middle.addWidget(self.nothing)
        self._entries: Sequence[Entry] = ()
        self._archived = False
        self._shown_id: int | None = None
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._lay_out()
        self._wire()
        self._show()

    @property
    def stops(self) -> list[QWidget]:
        """What the Tab key goes through."""
        return [self.field, self.more, self.shut, self.folders.list, self.view]

    @property
    def folder(self) -> str:
        """The folder whose conversations are listed; "" for all."""
        return self.folders.folder

    def show_entries(self, entries: Sequence[Entry], *, changeable: bool) -> None:
        self._entries = entries
        self.rows.editable = changeable
        self.folders.show_folders(entries)
        if not self.field.text().strip():
            self._show()

    def show_hits(self, hits: Sequence[Hit]) -> None:
        if self.field.text().strip():  # else the field was cleared meanwhile
            self.rows.show_hits(hits)
            self.nothing.setText(self.tr("Nothing was found."))
            self._show_middle()
            announce(self.field, tr("%Ln place(s) found", "", len(hits)) if hits else self.nothing.text())

    def select(self, conversation_id: int | None) -> None:
        """Mark the conversation that is shown."""
        self._shown_id = conversation_id
        if not self.field.text().strip():
            self._mark()

    @Slot()
    def focus_search(self) -> None:
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    # Within

    def _show(self) -> None:
        shown, folder = (entry for entry in self._entries if entry.archived == self._archived), self.folder
        self.rows.show_entries([entry for entry in shown if folder in ("", entry.folder)])
        self.nothing.setText(tr(_NO_ARCHIVED) if self._archived else tr(_EMPTY))
        self._mark()
        self._show_middle()

    def _show_middle(self) -> None:
        self._middle.setCurrentWidget(self.view if self.rows.rowCount() else self.nothing)

    def _mark(self) -> None:
        index = self.rows.index_of(self._shown_id) if self._shown_id is not None else self.rows.index(-1)
        self.view.setCurrentIndex(index)

    @Slot()
    def _on_folder(self) -> None:
        self.field.clear()
        self._show()

    @Slot()
    def _on_edited(self) -> None:
        if self.field.text().strip():
            self._typing.start()
        else:
            self._typing.stop()
            self._show()

    @Slot()
    def _on_typed(self) -> None:
        if text := self.field.text().strip():
            self.search_wanted.emit(text)

    @Slot()
    def _on_down(self) -> None:
        first = next((at for at in range(self.rows.rowCount()) if self.rows.index(at).flags()), None)
        if first is not None:
            self.view.go_to(self.rows.index(first))

    @Slot()
    def _on_left(self) -> None:
        if self.field.text():
            self.field.clear()
        else:
            self.left.emit()

    @Slot()
    def _on_delete(self) -> None:
        if isinstance(self.view.row, Entry) and self.rows.editable:
            self.delete_wanted.emit(self.view.row.id)

    @Slot(QPoint)
    def _on_menu(self, at: QPoint) -> None:
        entry = self.view.indexAt(at).data(ROW)
        if isinstance(entry, Entry):
            self.view.setCurrentIndex(self.view.indexAt(at))
            self.menu_of(entry).popup(self.view.viewport().mapToGlobal(at))

    def menu_of(self, entry: Entry) -> QMenu:
        """Return what can be done with a conversation."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        rename = menu.addAction(icon("edit"), self.tr("Rename\tF2"), self._on_rename)
        pin = menu.addAction(
            self.tr("Unpin") if entry.pinned else self.tr("Pin"),
            lambda: self.pin_wanted.emit(entry.id, not entry.pinned),
        )
        words = self.tr("Take out of the archive") if entry.archived else self.tr("Archive")
        archive = menu.addAction(words, lambda: self.archive_wanted.emit(entry.id, not entry.archived))
        folder = self._folder_menu(menu, entry)
        export = menu.addMenu(self.tr("Export"))
        for form, words in FORMS.items():
            export.addAction(tr(words), partial(self.export_wanted.emit, entry.id, form))
        menu.addSeparator()
        delete = menu.addAction(icon("trash"), self.tr("Delete\tDel"), lambda: self.delete_wanted.emit(entry.id))
        for action in (rename, pin, archive, folder.menuAction(), delete):
            action.setEnabled(self.rows.editable)
        return menu

    def _folder_menu(self, menu: QMenu, entry: Entry) -> QMenu:
        made = menu.addMenu(self.tr("Folder"))
        for name in ("", *self.folders.folders):
            action = made.addAction(name.replace("&", "&&") or self.tr("None"), partial(self._move, [entry.id], name))
            action.setCheckable(True)
            action.setChecked(entry.folder == name)
        made.addSeparator()
        made.addAction(self.tr("New folder…"), partial(self._ask_folder, self.tr("New folder"), "", [entry.id]))
        return made

    def _move(self, ids: list[int], folder: str, _checked: bool = False) -> None:
        self.move_wanted.emit(ids, folder)

    def _dissolve(self, ids: list[int], folder: str, _checked: bool = False) -> None:
        self.dissolve_wanted.emit(ids, folder)

    def _ask_folder(self, title: str, name: str, ids: list[int], _checked: bool = False) -> None:
        dialog = FolderDialog(title, name, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.named.connect(partial(self._on_named, ids))
        dialog.open()

    def _on_named(self, ids: list[int], name: str) -> None:
        """Move conversations to a folder; if all of the one that is listed go, the list goes with them."""
        follows = bool(self.folder) and set(ids) == set(self._ids_in_folder())
        self.move_wanted.emit(ids, name)
        if follows:
            self.folders.choose(name)

    def _ids_in_folder(self) -> list[int]:
        return [entry.id for entry in self._entries if entry.folder == self.folder]

    @Slot()
    def _on_rename(self) -> None:
        self.view.edit(self.view.currentIndex())

    @Slot()
    def _on_more(self) -> None:
        menu = self.menu()
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def menu(self) -> QMenu:
        """Return what can be done with all of them."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        archived = menu.addAction(self.tr("Show archived conversations"), self._on_archived)
        archived.setCheckable(True)
        archived.setChecked(self._archived)
        if self.folder:
            ids = self._ids_in_folder()
            menu.addSeparator()
            rename = menu.addAction(
                self.tr("Rename folder…"), partial(self._ask_folder, self.tr("Rename folder"), self.folder, ids)
            )
            dissolve = menu.addAction(self.tr("Dissolve folder"), partial(self._dissolve, ids, self.folder))
            dissolve.setToolTip(self.tr("The conversations stay, in no folder."))
            for action in (rename, dissolve):
                action.setEnabled(self.rows.editable)
        menu.addSeparator()
        menu.addAction(self.tr("Import conversations…"), self.import_wanted.emit).setEnabled(self.rows.editable)
        every = menu.addAction(self.tr("Export all as JSON…"), partial(self.export_wanted.emit, None, "json"))
        every.setEnabled(bool(self._entries))
        menu.addSeparator()
        menu.addAction(self.tr("Keyboard shortcuts\tF1"), self.keys_wanted.emit)
        return menu

    @Slot()
    def _on_archived(self) -> None:
        self._archived = not self._archived
        self.field.clear()
        self._show()

    def _lay_out(self) -> None:
        head = row(self.field, self.more, self.shut, spacing=scale.XS)
        head.setContentsMargins(scale.M, scale.L, scale.S, scale.S)
        head.setStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 1, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.folders)
        layout.addWidget(self._middle, 1)

    def _wire(self) -> None:
        self.folders.changed.connect(self._on_folder)
        self.field.textChanged.connect(self._on_edited)
        self.field.down.connect(self._on_down)
        self.field.left.connect(self._on_left)
        self.field.returnPressed.connect(self._on_down)
        self._typing.timeout.connect(self._on_typed)
        self.view.opened.connect(self.opened)
        self.view.renamed.connect(self.rename_wanted)
        self.view.deleted.connect(self._on_delete)
        self.view.customContextMenuRequested.connect(self._on_menu)
        self.more.clicked.connect(self._on_more)
        self.shut.clicked.connect(self.left)
