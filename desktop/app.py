"""The app: the engine's objects and the pages, wired. Pages ask by signals; jobs answer into the pages' slots."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from desktop.bugs import BugNet
from desktop.faults import Button, Do
from desktop.garbage import GarbageTime
from desktop.jobs import Call, Jobs, JobThread, Latest
from desktop.models.library_model import Entry, read_library
from desktop.models.plan_words import prepare
from desktop.models.suggestion import suggest
from desktop.pages.chat import ChatPage
from desktop.pages.convert import ConvertPage
from desktop.pages.library import LibraryPage
from desktop.pages.machine import MachinePage
from desktop.pages.settings import SettingsPage
from desktop.pages.suggestion import SuggestionPage
from desktop.theme.theme import Theme
from desktop.window import Window
from engine import settings as settings_file
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.catalog.starter import place_starter
from engine.convert.plan import Plan
from engine.convert.run import Conversion
from engine.errors import Refused
from engine.machine.facts import Machine
from engine.machine.job import ProbeJob
from engine.paths import folders
from engine.settings import Settings

_PAGE_OF = {Do.SETTINGS: "settings", Do.SUGGESTION: "suggestion", Do.LIBRARY: "library", Do.MACHINE: "machine"}


class App(QObject):
    """Everything that lives as long as the window."""

    def __init__(self, qt: QApplication, settings: Settings) -> None:
        super().__init__(qt)
        self.settings = settings
        self.library = Library(settings.models_folder)
        self.found: Machine | None = None
        self.jobs = Jobs(self)
        self.theme = Theme(qt, settings["theme"])
        self._make_pages()
        store = QSettings(str(folders().config / "window.ini"), QSettings.Format.IniFormat)
        self.window = Window(self.pages, self.jobs, store)
        self.window.closing.connect(self.close)
        self._conversion: JobThread | None = None
        self._wanted: tuple[Path, int] | None = None  # a suggestion that waits for the machine
        self._wire_machine()
        self._wire_suggestion()
        self._wire_library()
        self._wire_convert()
        self._wire_settings()
        for page in self.pages.values():
            page.way_chosen.connect(self._on_way)

    def start(self) -> None:
        """Show the window, put the starter model into the library, and look at the machine."""
        self.window.show()
        self.read_library()
        placing = self.jobs.start(Call(place_starter, self.library, doing="Placing the starter model"))
        placing.finished.connect(self.read_library)
        placing.failed.connect(self.models.show_error)
        self.look_at_machine()

    @Slot()
    def close(self) -> None:
        """End all that runs, and the model's process."""
        self.jobs.close()
        self.chat.close_room()

    def _make_pages(self) -> None:
        self.machine = MachinePage()
        self.suggestion = SuggestionPage(self.settings["context_tokens"])
        self.models = LibraryPage(self.library.folder)
        self.convert = ConvertPage()
        self.chat = ChatPage(self.jobs, self.settings)
        self.options = SettingsPage(self.settings)
        self.pages = {
            "machine": self.machine,
            "suggestion": self.suggestion,
            "library": self.models,
            "convert": self.convert,
            "chat": self.chat,
            "settings": self.options,
        }

    @Slot(object)
    def _on_way(self, way: Button) -> None:
        """Go where a fault's button leads."""
        if way.do in _PAGE_OF:
            self.window.show_page(_PAGE_OF[way.do])
        elif way.do is Do.OPEN_FOLDER:
            QDesktopServices.openUrl(QUrl.fromLocalFile(way.target))
        elif way.do is Do.OPEN_ADDRESS:
            QDesktopServices.openUrl(QUrl(way.target))

    # Machine

    def _wire_machine(self) -> None:
        self._looking = Latest(self.jobs)
        self._looking.progressed.connect(self.machine.show_progress)
        self._looking.finished.connect(self._on_machine)
        self._looking.failed.connect(self.machine.show_error)
        self._looking.failed.connect(self.suggestion.show_error)
        self.machine.refresh_wanted.connect(self.look_at_machine)

    @Slot()
    def look_at_machine(self) -> None:
        self.machine.show_busy()
        self._looking.start(ProbeJob())

    @Slot(object)
    def _on_machine(self, found: Machine) -> None:
        self.found = found
        self.machine.show_machine(found)
        if self._wanted:
            self._suggest(*self._wanted)

    # Suggestion

    def _wire_suggestion(self) -> None:
        self._suggesting = Latest(self.jobs)
        self._suggesting.finished.connect(self.suggestion.show_suggestion)
        self._suggesting.failed.connect(self.suggestion.show_error)
        self.suggestion.suggestion_wanted.connect(self._suggest)
        self.suggestion.convert_wanted.connect(self._prepare_conversion)
        self.suggestion.chat_wanted.connect(self.open_chat)

    @Slot(Path)
    def open_suggestion(self, path: Path) -> None:
        self.window.show_page("suggestion")
        self.suggestion.choose(path)

    @Slot(Path, int)
    def _suggest(self, path: Path, context_tokens: int) -> None:
        if self.found is None:
            self._wanted = path, context_tokens
            self.suggestion.show_busy("Looking at this computer first…")
            return
        self._wanted = None
        self.suggestion.show_busy()
        self._suggesting.start(Call(suggest, path, self.found, context_tokens, self.library))

    # Library

    def _wire_library(self) -> None:
        self._reading = Latest(self.jobs)
        self._reading.finished.connect(self._on_entries)
        self._reading.failed.connect(self.models.show_error)
        self.models.refresh_wanted.connect(self.read_library)
        self.models.suggestion_wanted.connect(self.open_suggestion)
        self.models.convert_wanted.connect(self._prepare_conversion)
        self.models.chat_wanted.connect(self.open_chat)
        self.models.delete_wanted.connect(self._delete)

    @Slot()
    def read_library(self) -> None:
        self._reading.start(Call(read_library, self.library))

    @Slot(object)
    def _on_entries(self, entries: tuple[Entry, ...]) -> None:
        found = [entry.checkpoint for entry in entries if not entry.damaged]
        self.models.show_entries(entries)
        self.suggestion.show_library(found)
        self.convert.show_library(found)
        self.chat.show_library([entry.checkpoint for entry in entries if entry.can_chat])

    @Slot(object)
    def _delete(self, checkpoint: Checkpoint) -> None:
        if checkpoint.path == self.chat.room.path:
            self.chat.close_room()  # Windows deletes no file that is in use
        deleting = self.jobs.start(Call(self.library.delete, checkpoint), f"Deleting {checkpoint.title}")
        deleting.finished.connect(self.read_library)
        deleting.failed.connect(self.models.show_error)

    # Convert

    def _wire_convert(self) -> None:
        self._planning = Latest(self.jobs)
        self._planning.finished.connect(self.convert.show_plan)
        self._planning.failed.connect(self.convert.show_error)
        self.convert.plan_wanted.connect(self._plan)
        self.convert.start_wanted.connect(self._convert)
        self.convert.cancel_wanted.connect(self._cancel_conversion)
        self.convert.chat_wanted.connect(self.open_chat)

    @Slot(Path)
    @Slot(Path, str)
    def _prepare_conversion(self, path: Path, format_id: str = "") -> None:
        self.window.show_page("convert")
        self.convert.choose(path, format_id)

    @Slot(Path, str)
    def _plan(self, path: Path, format_id: str) -> None:
        self._planning.start(Call(prepare, path, format_id, self.library))

    @Slot(object)
    def _convert(self, plan: Plan) -> None:
        title = f"Converting {plan.source.path.name} to {plan.format.label if plan.format else plan.target.name}"
        self._conversion = thread = self.jobs.start(Conversion(plan), title)
        thread.progressed.connect(self.convert.show_progress)
        thread.noticed.connect(self.convert.show_notice)
        thread.finished.connect(self.convert.show_made)
        thread.finished.connect(self.read_library)
        thread.failed.connect(self.convert.show_error)
        self.convert.show_started()

    @Slot()
    def _cancel_conversion(self) -> None:
        if self._conversion:
            self._conversion.cancel()

    # Chat

    @Slot(Path)
    def open_chat(self, path: Path) -> None:
        self.window.show_page("chat")
        self.chat.choose(path)
        self.chat.focus_first()

    # Settings

    def _wire_settings(self) -> None:
        self.options.changed.connect(self._on_settings)

    @Slot(object)
    def _on_settings(self, settings: Settings) -> None:
        moved = settings.models_folder != self.settings.models_folder
        self.settings = settings
        self.theme.choose(settings["theme"])
        self.chat.show_settings(settings)
        if moved:
            self.library = Library(settings.models_folder)
            self.models.show_folder(self.library.folder)
            self.read_library()
        try:
            settings_file.save(settings)
        except OSError as error:
            self.options.show_error(
                Refused(f"The settings cannot be kept: {error}", "They hold until Halfbyte is closed.")
            )


def run() -> int:
    """Open the window and stay until it is closed; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C in the terminal; workers end with us
    QApplication.setApplicationName("Halfbyte")
    QApplication.setDesktopFileName("halfbyte")
    qt = QApplication(sys.argv[:1])
    net = BugNet(qt)
    net.spread()
    app = App(qt, settings_file.load())
    app.start()
    GarbageTime(app.jobs)
    code = qt.exec()
    if not app.jobs.close():
        os._exit(code)  # something hangs in native code; Python's own end would wait for it or crash
    return code
