"""Servers: what is kept of them, testing them, and their models as entries that can be chatted with."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.models.server_rows import ServerRow, tried_words
from desktop.pages.servers import ServersPage
from desktop.widgets.server_dialog import ServerDialog
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.find import Asking
from engine.catalog.servers.keeping import Draft, Tried, forget_server, keep_draft, try_server
from engine.catalog.servers.keys import ServerKeys
from engine.catalog.servers.listing import Server, Servers, server_of
from engine.errors import Cancelled


class ServersFlow(QObject):
    """No server is asked before the person wants it. ``changed`` comes when :attr:`entries` may be others."""

    changed = Signal()

    def __init__(self, state: State, page: ServersPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._servers = Servers()
        self._keys = ServerKeys()
        self._rows: dict[Server, ServerRow] = {}
        self.dialog: ServerDialog | None = None
        self._keeping = Latest(state.jobs)
        self._keeping.finished.connect(self._on_kept)
        self._keeping.failed.connect(self._on_refused)
        page.add_wanted.connect(self._add)
        page.edit_wanted.connect(self._edit)
        page.test_wanted.connect(self.test)
        page.remove_wanted.connect(self._remove)

    @property
    def entries(self) -> tuple[Checkpoint, ...]:
        """The models that the servers had when they were last asked."""
        return tuple(model for shown in self._rows.values() for model in shown.models)

    @Slot()
    def start(self) -> None:
        """Show what is kept."""
        self._rows = {server: self._row(server) for server in self._servers.all()}
        self._show()

    @Slot(object)
    def test(self, server: Server) -> None:
        """Ask a server for its models."""
        shown = self._rows[server]
        self._rows[server] = ServerRow(server, shown.models, self.tr("Asking for its models…"), busy=True)
        self._page.show_servers(tuple(self._rows.values()))
        job = Asking(lambda _stop, _on_wait: try_server(server, self._servers, self._keys))
        thread = self._state.jobs.start(job, self.tr("Asking {server}").format(server=server.name))
        thread.finished.connect(self._on_tried)
        thread.failed.connect(self._on_test_ended)

    @Slot()
    def _add(self) -> None:
        self._open(None)

    @Slot(object)
    def _edit(self, server: Server) -> None:
        self._open(server)

    def _open(self, before: Server | None) -> None:
        if self.dialog:
            self.dialog.reject()
        parent = QApplication.activeWindow() or self._page.window()
        self.dialog = dialog = ServerDialog(before, parent)
        dialog.keep_wanted.connect(self._keep)
        dialog.given_up.connect(self._keeping.cancel)
        dialog.finished.connect(self._on_closed)
        dialog.open()

    @Slot(object, bool)
    def _keep(self, draft: Draft, untried: bool) -> None:
        servers, keys = self._servers, self._keys
        self._keeping.start(Asking(lambda _stop, _on_wait: keep_draft(draft, servers, keys, untried=untried)))

    @Slot(object)
    def _on_kept(self, tried: Tried) -> None:
        if self.dialog:
            self.dialog.accept()
        self.start()
        self._on_tried(tried)

    @Slot(Exception)
    def _on_refused(self, error: Exception) -> None:
        if self.dialog:
            self.dialog.show_error(error)

    @Slot(object)
    def _on_tried(self, tried: Tried) -> None:
        words, level = tried_words(tried)
        if tried.server in self._rows:  # else it was removed meanwhile
            self._rows[tried.server] = ServerRow(tried.server, self._models(tried.server), words, level)
        self._show()

    @Slot(Exception)
    def _on_test_ended(self, error: Exception) -> None:
        self.start()
        if not isinstance(error, Cancelled):
            self._page.show_error(error)

    @Slot(object)
    def _remove(self, server: Server) -> None:
        thread = self._state.jobs.start(Call(forget_server, server, self._servers, self._keys))
        thread.finished.connect(self.start)
        thread.failed.connect(self._page.show_error)

    @Slot()
    def _on_closed(self) -> None:
        if self.dialog:
            self.dialog.deleteLater()
            self.dialog = None

    def _row(self, server: Server) -> ServerRow:
        """Return what is known of a server; what its last test said stays."""
        before = self._rows.get(server)
        said = before if before and not before.busy else ServerRow(server)
        return replace(said, models=self._models(server))

    def _models(self, server: Server) -> tuple[Checkpoint, ...]:
        return tuple(model for model in self._servers.entries() if server_of(model) == server)

    def _show(self) -> None:
        self._page.show_servers(tuple(self._rows.values()))
        self.changed.emit()
