"""Find a model on the Hub, see what of it fits this machine, and get it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent

from desktop.faults import Fault
from desktop.models.deed import Deed
from desktop.models.hub_words import host_of, kept_words
from desktop.widgets.controls import label
from desktop.widgets.discover.model_pane import ModelPane
from desktop.widgets.discover.search_pane import SearchPane
from desktop.widgets.page import Page
from engine.catalog.hub.account import Kept
from engine.catalog.hub.surroundings import Surroundings
from engine.catalog.offers import Offer
from engine.errors import Offline

_WIDTH = 1080  # the tables have five and six columns


class DiscoverPage(Page):
    """The search, and over it the model that was opened.

    ``search_wanted`` carries a :class:`Query`, ``model_wanted`` a name or an address, ``download_wanted`` an
    :class:`Offer`; ``downloads_wanted`` asks for the line of downloads. ``chat_wanted`` and ``suggestion_wanted`` carry
    a path of the library, ``convert_wanted`` also a format.
    """

    look_wanted = Signal()
    search_wanted = Signal(object)
    more_wanted = Signal()
    search_stop_wanted = Signal()
    model_wanted = Signal(str)
    model_stop_wanted = Signal()
    token_wanted = Signal()
    download_wanted = Signal(object)
    downloads_wanted = Signal()
    chat_wanted = Signal(Path)
    suggestion_wanted = Signal(Path)
    convert_wanted = Signal(Path, str)

    def __init__(self) -> None:
        super().__init__(
            self.tr("Discover"),
            self.tr("Find a model and see how it would run here before anything is fetched."),
            _WIDTH,
        )
        self._address = ""
        self.where = label("", "caption", wraps=True)
        self.where.hide()
        self.search = SearchPane()
        self.search.search_wanted.connect(self._on_search)
        self.search.more_wanted.connect(self._on_more)
        self.search.stop_wanted.connect(self._on_stop_search)
        self.search.model_wanted.connect(self.open)
        self.model = ModelPane()
        self.model.back_wanted.connect(self.show_search)
        self.model.stop_wanted.connect(self._on_stop_model)
        self.model.model_wanted.connect(self.open)
        self.model.access.token_wanted.connect(self.token_wanted)
        self.model.access.retry_wanted.connect(self.retry)
        self.model.go.connect(self._on_go)
        for widget in (self.where, self.search, self.model):
            self.column.addWidget(widget)
        self.column.addStretch(1)
        self.model.hide()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look_wanted.emit()

    @property
    def shows_model(self) -> bool:
        return not self.model.isHidden()

    @Slot()
    def retry(self) -> None:
        """Do again what was done last."""
        self.banner.clear()
        if self.shows_model:
            self.open(self._address)
        else:
            self.search.search()

    @Slot(str)
    def open(self, address: str) -> None:
        """Show a model by its name or address."""
        self.banner.clear()
        self._address = address
        self.search.hide()
        self.model.show_looking(address)
        self.model.show()
        self.model.back.setFocus()
        self.model_wanted.emit(address)

    @Slot()
    def show_search(self) -> None:
        self.model_stop_wanted.emit()
        self.banner.clear()
        self.model.hide()
        self.search.show()
        (self.search.table if self.search.found.rows else self.search.field).setFocus()

    @Slot(object)
    def show_surroundings(self, found: Surroundings) -> None:
        """Say so where the Hub is not asked at its own address, or not at all."""
        words = (
            [self.tr("Asking {host}, which HF_ENDPOINT names.").format(host=host_of(found.endpoint))]
            if found.is_mirror
            else []
        )
        if found.offline:
            words.append(self.tr("HF_HUB_OFFLINE is set: nothing can be searched or fetched until it is unset."))
        if found.proxies:
            words.append(self.tr("Through the proxy {proxies}.").format(proxies=", ".join(found.proxies)))
        self.where.setText(" ".join(words))
        self.where.setVisible(bool(words))

    @Slot(object)
    def show_token_kept(self, kept: Kept) -> None:
        """Say where the token is kept, and do again what it was asked for."""
        if self.isVisible() and self.shows_model:
            self.retry()
            self.banner.show_fault(Fault(self.tr("The token was accepted"), kept_words(kept), level="info"))

    @Slot(Exception)
    def show_search_error(self, error: BaseException) -> None:
        if isinstance(error, Offline):
            self.search.show_unreachable(f"{error.message} {error.hint}")
        else:
            self.search.rest()
            self.show_error(error)

    @Slot(Exception)
    def show_model_error(self, error: BaseException) -> None:
        self.model.rest()
        self.show_error(error)

    @Slot(object)
    def _on_search(self, query: object) -> None:
        self.banner.clear()
        self.search.show_busy()
        self.search_wanted.emit(query)

    @Slot()
    def _on_more(self) -> None:
        self.search.show_busy(more=True)
        self.more_wanted.emit()

    @Slot()
    def _on_stop_search(self) -> None:
        self.search_stop_wanted.emit()
        self.search.rest()

    @Slot()
    def _on_stop_model(self) -> None:
        self.model_stop_wanted.emit()
        self.model.rest()

    @Slot(object, object)
    def _on_go(self, offer: Offer, deed: Deed) -> None:
        if deed.do in ("get", "get and convert"):
            self.model.mark_under_way(offer)
            self.download_wanted.emit(offer)
        elif deed.do == "wait":
            self.downloads_wanted.emit()
        elif deed.do == "chat" and deed.path:
            self.chat_wanted.emit(deed.path)
        elif deed.do == "convert" and deed.path:
            self.convert_wanted.emit(deed.path, offer.format_id)
        elif deed.do == "look" and deed.path:
            self.suggestion_wanted.emit(deed.path)
