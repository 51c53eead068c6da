"""Catch our own mistakes wherever they happen, and show the first of them."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QApplication

from desktop.crashes import CrashReports
from desktop.faults import Fault, fault_of
from desktop.widgets.bug_dialog import BugDialog


class BugNet(QObject):
    """Show a dialog for an exception that nobody caught, in whichever thread it was raised.

    Further ones are only printed while the dialog is open: one mistake often brings many.
    """

    caught = Signal(Exception)

    def __init__(self, parent: QObject | None = None, reports: CrashReports | None = None) -> None:
        super().__init__(parent)
        self._reports = reports
        self._dialog: BugDialog | None = None
        self.caught.connect(self._show)

    def spread(self) -> None:
        """Take over from Python's own hooks, which only print."""
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def _on_exception(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, traceback)
        if isinstance(error, Exception):
            if self._reports:
                self._reports.keep(error)  # the dialog may never come to be
            self.caught.emit(error)

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value:
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    @Slot()
    def show_unseen(self) -> None:
        """Show the report of a crash before this start, if there is one."""
        if self._reports and (fault := self._reports.unseen()):
            self._open(fault)

    @Slot(Exception)
    def _show(self, error: Exception) -> None:
        self._open(fault_of(error))

    def _open(self, fault: Fault) -> None:
        if self._dialog is None:
            self._dialog = BugDialog(fault, QApplication.activeWindow())
            self._dialog.finished.connect(self._on_closed)
            self._dialog.show()

    @Slot()
    def _on_closed(self) -> None:
        self._dialog = None
        if self._reports:
            self._reports.mark_seen()
