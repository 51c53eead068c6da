"""Planning a conversion, and carrying it out."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Slot

from desktop.flows.state import State
from desktop.jobs import Call, JobThread, Latest
from desktop.models.plan_words import prepare
from desktop.pages.convert import ConvertPage
from engine.convert.folders.plan import FolderPlan
from engine.convert.folders.run import FolderConversion
from engine.convert.plan import Plan
from engine.convert.run import Conversion


class ConvertFlow(QObject):
    def __init__(self, state: State, page: ConvertPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._running: JobThread | None = None
        self._planning = Latest(state.jobs)
        self._planning.finished.connect(page.show_plan)
        self._planning.failed.connect(page.show_error)
        page.plan_wanted.connect(self._plan)
        page.start_wanted.connect(self._convert)
        page.cancel_wanted.connect(self._cancel)

    @Slot(Path)
    @Slot(Path, str)
    def open(self, path: Path, format_id: str = "") -> None:
        self._state.page_wanted.emit("convert")
        self._page.choose(path, format_id)

    @Slot(Path, str)
    def _plan(self, path: Path, format_id: str) -> None:
        self._planning.start(Call(prepare, path, format_id, self._state.library))

    @Slot(object)
    def _convert(self, plan: Plan | FolderPlan) -> None:
        title = self.tr("Converting {model} to {format}").format(
            model=plan.source.path.name, format=plan.format.label if plan.format else plan.target.name
        )
        conversion = FolderConversion(plan) if isinstance(plan, FolderPlan) else Conversion(plan)
        self._running = thread = self._state.jobs.start(conversion, title)
        thread.progressed.connect(self._page.show_progress)
        thread.noticed.connect(self._page.show_notice)
        thread.finished.connect(self._page.show_made)
        thread.finished.connect(self._state.library_changed)
        thread.failed.connect(self._page.show_error)
        self._page.show_started()

    @Slot()
    def _cancel(self) -> None:
        if self._running:
            self._running.cancel()
