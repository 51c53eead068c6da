"""What is being fetched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.faults import Button, Do, fault_of
from desktop.language import QT_TR_NOOP, tr
from desktop.models.download_words import Deed, removal_words
from desktop.widgets.confirm_dialog import ConfirmDialog
from desktop.widgets.controls import button, label
from desktop.widgets.download_list import DownloadList
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.limit_field import LimitField
from desktop.widgets.page import Page
from engine.catalog.download.item import STOPPED, Item, State

_CLOSING = {
    True: QT_TR_NOOP("When the window is closed, downloads stop; at its next start they continue by themselves."),
    False: QT_TR_NOOP("When the window is closed, downloads stop; at its next start they can be continued here."),
}


class DownloadsPage(Page):
    """List the line of downloads and say what is to be done with it.

    ``deed_wanted`` tells a deed and the id of its plan; ``limit_changed`` the speed limit in MB/s, 0 for none.
    """

    deed_wanted = Signal(object, str)
    all_wanted = Signal(object)
    clear_wanted = Signal()
    limit_changed = Signal(float)
    chat_wanted = Signal(Path)
    models_wanted = Signal()
    retry_wanted = Signal()

    def __init__(self, limit_mb_s: float = 0, goes_on: bool = True) -> None:
        super().__init__(self.tr("Downloads"), self.tr("Models on their way into the library, one after the other."))
        self.pause_all = button(self.tr("Pause all"), "", "pause")
        self.pause_all.clicked.connect(partial(self._want_all, Deed.PAUSE))
        self.resume_all = button(self.tr("Continue all"), "", "play")
        self.resume_all.clicked.connect(partial(self._want_all, Deed.RESUME))
        self.clear = button(self.tr("Clear finished"), "quiet", "close")
        self.clear.clicked.connect(self.clear_wanted)
        self.limit = LimitField()
        self.limit.changed.connect(self.limit_changed)
        self._bar = QWidget()
        self._bar.setLayout(FlowLayout(self.pause_all, self.resume_all, self.clear, self.limit))
        self.list = DownloadList()
        self.list.wanted.connect(self._on_wanted)
        self.list.way_chosen.connect(self._on_way)
        self.find_models = button(self.tr("Find a model"), "primary", "discover")
        self.find_models.clicked.connect(self.models_wanted)
        sentence = self.tr(
            "Choose a model on the Discover page; it is fetched here, checked, and put into the library."
        )
        self.empty = EmptyState("download", self.tr("Nothing is being fetched"), sentence, self.find_models)
        self.open_again = button(self.tr("Try again"), "primary", "refresh")
        self.open_again.clicked.connect(self.retry_wanted)
        self.not_open = EmptyState("warning", self.tr("The downloads cannot be opened"), "", self.open_again)
        self.closing = label("", "caption", wraps=True)
        for widget in (self._bar, self.list, self.empty, self.not_open, self.closing):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.show_settings(limit_mb_s, goes_on)
        self.show_items(())

    def retry(self) -> None:
        self.retry_wanted.emit()

    @Slot(Exception)
    def show_not_open(self, error: Exception) -> None:
        """Say why there is no line to show: for one, another app has it."""
        self.show_items(())
        fault = fault_of(error)
        self.not_open.sentence.setText(fault.sentence)
        self.empty.hide()
        self.not_open.show()

    def show_settings(self, limit_mb_s: float, goes_on: bool) -> None:
        self.limit.show_limit(limit_mb_s)
        self.closing.setText(tr(_CLOSING[goes_on]))

    def show_items(self, items: Sequence[Item]) -> None:
        """Show the line as it stands now; what has the focus keeps it."""
        self.list.show_items(items)
        states = {item.state for item in items}
        self.pause_all.setEnabled(bool(states - {*STOPPED, State.DONE}))
        self.resume_all.setEnabled(bool(states & {*STOPPED, State.OFFLINE}))
        self.clear.setEnabled(State.DONE in states)
        self.not_open.hide()
        self.empty.setVisible(not items)
        for widget in (self._bar, self.list):
            widget.setVisible(bool(items))
        self.closing.setVisible(bool(states - {State.DONE}))

    def _want_all(self, deed: Deed, *_: object) -> None:
        self.all_wanted.emit(deed)

    @Slot(object, object)
    def _on_wanted(self, deed: Deed, item: Item) -> None:
        if deed is Deed.CHAT and item.checkpoint:
            self.chat_wanted.emit(item.checkpoint.path)
        elif deed is Deed.SHOW:
            self.way_chosen.emit(Button(Do.LIBRARY, ""))
        elif deed is Deed.REMOVE and removal_words(item):
            self._ask_before(item)
        else:
            self.deed_wanted.emit(deed, item.plan.id)

    @Slot(object, object)
    def _on_way(self, way: Button, _item: Item) -> None:
        self.way_chosen.emit(way)

    def _ask_before(self, item: Item) -> None:
        dialog = ConfirmDialog(
            self.tr("Remove {model}?").format(model=item.plan.title), removal_words(item), self.tr("Remove"), self
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(partial(self.deed_wanted.emit, Deed.REMOVE, item.plan.id))
        dialog.open()
