"""The line of downloads in the window: opened at the start, run as one job, closed with the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSettings, Slot
from PySide6.QtWidgets import QWidget

from desktop.flows.state import State as Shared
from desktop.jobs import Call, JobThread
from desktop.models.download_words import Deed
from desktop.pages.downloads import DownloadsPage
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.item import State
from engine.catalog.download.limit import SpeedLimit
from engine.catalog.download.line import DownloadLine
from engine.catalog.download.line_run import LineRun
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.download.repair import repairing
from engine.errors import Cancelled, EngineError
from engine.settings import Settings

_TOLD = "downloads/closing_told"


class DownloadsFlow(QObject):
    """:meth:`add` puts a download into the line, :meth:`repair` what is damaged of a model."""

    def __init__(self, state: Shared, page: DownloadsPage, store: QSettings) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._store = store
        self._limit = SpeedLimit()
        self._line: DownloadLine | None = None
        self._running: JobThread | None = None
        self._added: list[DownloadPlan] = []  # while the line is being opened
        self._done: set[str] = set()
        self._closing = False
        self._opening: JobThread | None = None
        state.library_moved.connect(self._on_moved)
        page.retry_wanted.connect(self.start)
        page.deed_wanted.connect(self._do)
        page.all_wanted.connect(self._do_to_all)
        page.clear_wanted.connect(self._clear)
        self.show_settings(state.settings)

    @Slot()
    def start(self) -> None:
        """Open the line of this library; what was running when the app ended goes on."""
        if self._opening and self._opening.running:
            return
        goes_on = self._state.settings["continue_downloads"]
        hub, library = self._state.hub, self._state.library
        job = Call(DownloadLine.claimed, hub, library, self._limit, goes_on=goes_on)
        self._opening = thread = self._state.jobs.start(job)
        thread.finished.connect(self._on_opened)
        thread.failed.connect(self._on_not_opened)

    @Slot(object)
    def add(self, plan: DownloadPlan) -> None:
        """Put a download at the end of the line, and begin if nothing else runs."""
        if self._line is None:
            self._added.append(plan)
            self.start()
            return
        self._done.discard(plan.id)
        try:
            self._line.add(plan)
        except EngineError as error:
            self._page.show_error(error)
        self._go_on()

    @Slot(object)
    def repair(self, checkpoint: Checkpoint) -> None:
        """Fetch again what is not right of a model that was fetched before."""
        thread = self._state.jobs.start(
            repairing(self._state.hub, checkpoint),
            self.tr("Looking up {model}").format(model=checkpoint.title),
        )
        thread.finished.connect(self.add)
        thread.failed.connect(self._page.show_error)
        self._state.page_wanted.emit("downloads")

    def show_settings(self, settings: Settings) -> None:
        """Take over the speed limit, which holds at once, and what happens at the next start."""
        self._limit.bytes_s = settings["download_limit_mb_s"] * 1e6
        self._page.show_settings(settings["download_limit_mb_s"], settings["continue_downloads"])

    def close(self) -> None:
        """Stop what runs; it goes on at the next start."""
        self._closing = True
        self._leave()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Say once, when the window is closed while something is fetched, what becomes of it."""
        runs = self._running is not None and self._running.running
        if event.type() != QEvent.Type.Close or not runs or self._store.value(_TOLD, False, bool):
            return super().eventFilter(watched, event)
        assert isinstance(watched, QWidget)
        event.ignore()
        self._store.setValue(_TOLD, True)
        dialog = ConfirmDialog(
            self.tr("Close while models are being fetched?"), self._page.closing.text(), self.tr("Close"), watched
        )
        dialog.keep.setText(self.tr("Stay"))
        dialog.accepted.connect(watched.close)
        dialog.open()
        return True

    @Slot()
    def leave(self) -> None:
        """Let go of the line while the library is moved; :meth:`start` opens it again."""
        self._leave()

    # The line

    @Slot(object)
    def _on_opened(self, line: DownloadLine) -> None:
        if self._closing or line.library is not self._state.library:
            line.close()
            if not self._closing:
                self.start()
            return
        self._line = line
        added, self._added = self._added, []
        for plan in added:
            self.add(plan)
        self._go_on()

    @Slot(Exception)
    def _on_not_opened(self, error: Exception) -> None:
        self._page.show_not_open(error)
        if self._added:  # somebody waits for it
            self._state.page_wanted.emit("downloads")

    @Slot()
    def _on_moved(self) -> None:
        self._leave()
        self._page.show_items(())
        self.start()

    def _leave(self) -> None:
        line, self._line = self._line, None
        if self._running and self._running.running:
            self._running.cancel()
            self._running.wait()
        if line:
            line.close()

    def _go_on(self) -> None:
        """Run the line if something waits and nothing runs."""
        self._show()
        if self._line is None or not self._line.waiting or (self._running and self._running.running):
            return
        self._running = thread = self._state.jobs.start(LineRun(self._line), self.tr("Downloads"))
        thread.progressed.connect(self._show)
        thread.noticed.connect(self._show)
        thread.finished.connect(self._on_end)
        thread.failed.connect(self._on_failed)

    @Slot()
    def _show(self) -> None:
        items = self._line.items if self._line else ()
        self._page.show_items(items)
        done = {item.plan.id for item in items if item.state is State.DONE}
        if done - self._done:
            self._state.library_changed.emit()
        self._done = done

    @Slot()
    def _on_end(self) -> None:
        self._go_on()  # something may have been added at the last moment

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if self._line is None or self._closing or self.sender() is not self._running:
            return
        self._line.pause_all()  # the bar's “Cancel”, or a mistake of ours that would happen again
        self._show()
        if not isinstance(error, Cancelled):
            self._page.show_error(error)

    # What the person wants

    @Slot(object, str)
    def _do(self, deed: Deed, plan_id: str) -> None:
        if self._line is None or all(item.plan.id != plan_id for item in self._line.items):
            return
        match deed:
            case Deed.PAUSE:
                self._line.pause(plan_id)
            case Deed.RESUME:
                self._line.resume(plan_id)
            case Deed.UP | Deed.DOWN:
                self._line.shift(plan_id, 1 if deed is Deed.DOWN else -1)
            case Deed.REMOVE | Deed.CLEAR:
                thread = self._state.jobs.start(Call(self._line.remove, plan_id))
                thread.finished.connect(self._show)
                thread.failed.connect(self._page.show_error)
        self._go_on()

    @Slot(object)
    def _do_to_all(self, deed: Deed) -> None:
        if self._line:
            self._line.pause_all() if deed is Deed.PAUSE else self._line.resume_all()
        self._go_on()

    @Slot()
    def _clear(self) -> None:
        if self._line:
            self._line.clear_done()
        self._go_on()
