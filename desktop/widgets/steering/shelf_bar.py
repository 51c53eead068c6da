"""Choose one of several saved things, save what is there under a name, delete one and bring it back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from desktop.widgets.controls import button, column, icon_button, label, row
from desktop.widgets.fields import Choice
from desktop.widgets.note_strip import NoteStrip
from engine.chat.shelf import NAME_LETTERS


class ShelfBar(QWidget):
    """``chosen``, ``save_wanted``, ``delete_wanted`` and ``restore_wanted`` carry a name.

    ``none_words`` is shown where what is there is none of the saved things. ``fixed`` ones cannot be deleted.
    """

    chosen = Signal(str)
    save_wanted = Signal(str)
    delete_wanted = Signal(str)
    restore_wanted = Signal(str)

    def __init__(self, title: str, none_words: str, fixed: Collection[str] = ()) -> None:
        super().__init__()
        self._none_words = none_words
        self._fixed = fixed
        self._latest = ""  # the name of what was there last, to save a changed one under it again
        self._what = title.replace("&", "").lower()
        self.list = Choice()
        self.list.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.list.setMinimumContentsLength(12)
        self.list.activated.connect(self._on_activated)
        self.save = button(self.tr("Save as…"))
        self.save.clicked.connect(self._on_save)
        self.delete = icon_button("trash", self.tr("Delete this {what}").format(what=self._what))
        self.delete.clicked.connect(self._on_delete)
        self.name = QLineEdit()
        self.name.setMaxLength(NAME_LETTERS)
        self.name.setPlaceholderText(self.tr("Name"))
        self.name.setAccessibleName(self.tr("Name of the {what}").format(what=self._what))
        self.name.textChanged.connect(self._on_name)
        self.name.returnPressed.connect(self._on_keep)
        self.keep = button(self.tr("Save"), "primary")
        self.keep.clicked.connect(self._on_keep)
        self.leave = button(self.tr("Cancel"), "quiet")
        self.leave.clicked.connect(self._close_naming)
        self.note = NoteStrip()
        self._naming = QWidget()
        self._naming.setLayout(row(self.name, self.keep, self.leave))
        first = row(label(title, "", buddy=self.list), self.list, self.save, self.delete)
        first.setStretch(1, 1)
        self.setLayout(column(first, self._naming, self.note))
        self._naming.hide()
        self.show_things((), "")

    def show_things(self, names: Sequence[str], current: str) -> None:
        """List the saved things; ``current`` is what is there now, empty for none of them."""
        self._latest = current or self._latest
        self.list.clear()
        for name in names:
            self.list.addItem(name, name)
        if not current:
            self.list.insertItem(0, self._none_words, "")
        self.list.setCurrentIndex(max(self.list.findData(current), 0))
        self.delete.setEnabled(bool(current) and current not in self._fixed)

    def show_deleted(self, name: str) -> None:
        """Say that a thing is gone, and offer to bring it back."""
        self.note.show_note(
            self.tr("“{name}” was deleted.").format(name=name),
            (self.tr("Bring it back"), partial(self.restore_wanted.emit, name)),
        )

    def show_problem(self, words: str) -> None:
        self.note.show_note(words, level="warning")

    @Slot(int)
    def _on_activated(self, index: int) -> None:
        if name := self.list.itemData(index):
            self.chosen.emit(name)

    @Slot()
    def _on_save(self) -> None:
        self.name.setText("" if self._latest in self._fixed else self._latest)
        self.name.selectAll()
        self._on_name()
        self._naming.show()
        self.name.setFocus()

    @Slot()
    def _on_name(self) -> None:
        self.keep.setEnabled(bool(self.name.text().strip()))

    @Slot()
    def _on_keep(self) -> None:
        if self.keep.isEnabled():
            name = " ".join(self.name.text().split())
            self._close_naming()
            self.save_wanted.emit(name)

    @Slot()
    def _close_naming(self) -> None:
        self._naming.hide()
        self.save.setFocus()

    @Slot()
    def _on_delete(self) -> None:
        if name := self.list.currentData():
            self.delete_wanted.emit(name)
