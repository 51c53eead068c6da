"""The bar at the window's foot: the jobs that run now, each with its progress and a way to stop it."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from desktop.jobs import Jobs, JobThread
from desktop.theme import scale
from desktop.widgets.controls import button, label, row
from desktop.widgets.progress_line import ProgressLine


class JobBar(QFrame):
    """List the titled jobs of :class:`Jobs`; hidden while there are none."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "bar")
        self.setAccessibleName(self.tr("Running jobs"))
        self._lines: dict[JobThread, QWidget] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(scale.XL, scale.S, scale.XL, scale.S)
        self._layout.setSpacing(scale.S)
        jobs.started.connect(self._on_started)
        jobs.ended.connect(self._on_ended)
        self.hide()

    @Slot(JobThread)
    def _on_started(self, thread: JobThread) -> None:
        if thread.title:
            line = _JobLine(thread)
            self._lines[thread] = line
            self._layout.addWidget(line)
            self.show()

    @Slot(JobThread)
    def _on_ended(self, thread: JobThread) -> None:
        line = self._lines.pop(thread, None)
        if line:
            self._layout.removeWidget(line)
            line.hide()
            line.deleteLater()
        self.setVisible(bool(self._lines))


class _JobLine(QWidget):
    def __init__(self, thread: JobThread) -> None:
        super().__init__()
        progress = ProgressLine(thread.title)
        thread.progressed.connect(progress.show_progress)
        self._cancel = button(self.tr("Cancel"), "quiet", "close")
        self._cancel.setAccessibleName(self.tr("Cancel: {job}").format(job=thread.title))
        self._cancel.clicked.connect(thread.cancel)
        self._cancel.clicked.connect(self._on_cancel)
        layout = row(label(thread.title, "strong"), progress, self._cancel, spacing=scale.L)
        layout.setStretch(1, 1)
        self.setLayout(layout)

    @Slot()
    def _on_cancel(self) -> None:
        self._cancel.setText(self.tr("Stopping…"))
        self._cancel.setEnabled(False)
