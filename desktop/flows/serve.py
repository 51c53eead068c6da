"""“Serve for many users”: the dialog that writes what starts a server with a model of the library."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QApplication, QWidget

from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.models.serve_words import HandedOver, Wanted, batch_for, cards_for, hand_over
from desktop.widgets.serve_dialog import ServeDialog
from engine.catalog.checkpoint import Checkpoint
from engine.handover.batch import Batch

ANSWER_TOKENS = 512  # of the longest answer in a batch


class ServeFlow(QObject):
    """One dialog at a time; ``page`` is the one that it is opened from."""

    def __init__(self, state: State, page: QWidget) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self.dialog: ServeDialog | None = None
        self._writing = Latest(state.jobs)
        self._writing.finished.connect(self._on_written)
        self._writing.failed.connect(self._on_failed)
        self._batching = Latest(state.jobs)
        self._batching.finished.connect(self._on_batch)
        self._batching.failed.connect(self._on_batch_failed)

    @Slot(object)
    def open(self, model: Checkpoint) -> None:
        if self.dialog:
            self.dialog.reject()
        parent = QApplication.activeWindow() or self._page.window()
        self.dialog = dialog = ServeDialog(model, cards_for(self._state.machine), parent)
        dialog.wanted.connect(self._write)
        dialog.batch_wanted.connect(self._batch)
        dialog.finished.connect(self._on_closed)
        dialog.open()
        dialog.ask()

    @Slot(object)
    def _write(self, wanted: Wanted) -> None:
        self._writing.start(Call(hand_over, wanted, self._state.machine, doing=self.tr("Planning the server")))

    @Slot(object, Path)
    def _batch(self, wanted: Wanted, prompts: Path) -> None:
        job = Call(batch_for, wanted, self._state.machine, prompts, ANSWER_TOKENS, doing=self.tr("Writing the job"))
        self._batching.start(job)

    @Slot(object)
    def _on_written(self, written: HandedOver) -> None:
        if self.dialog:
            self.dialog.show_written(written)

    @Slot(Exception)
    def _on_failed(self, error: Exception) -> None:
        if self.dialog:
            self.dialog.show_error(error)

    @Slot(object)
    def _on_batch(self, batch: Batch) -> None:
        if self.dialog:
            self.dialog.show_batch(batch)

    @Slot(Exception)
    def _on_batch_failed(self, error: Exception) -> None:
        if self.dialog:
            self.dialog.show_batch_error(error)

    @Slot()
    def _on_closed(self) -> None:
        self._writing.cancel()
        self._batching.cancel()
        if self.dialog:
            self.dialog.deleteLater()
            self.dialog = None
