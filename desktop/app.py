"""The app: pages, and the flows that join them to the engine. What leads from one page to another is wired here."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSettings, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QFileOpenEvent
from PySide6.QtWidgets import QApplication

from desktop import logs
from desktop.bugs import BugNet
from desktop.crashes import CrashReports
from desktop.faults import Button, Do, versions
from desktop.flows.about import AboutFlow
from desktop.flows.chat import ChatFlow
from desktop.flows.compare import CompareFlow
from desktop.flows.context import ContextFlow
from desktop.flows.convert import ConvertFlow
from desktop.flows.discover import DiscoverFlow
from desktop.flows.downloads import DownloadsFlow
from desktop.flows.duel import DuelFlow
from desktop.flows.environments import EnvironmentsFlow
from desktop.flows.folders import FoldersFlow
from desktop.flows.hub import HubFlow
from desktop.flows.keeping import KeepingFlow
from desktop.flows.library import LibraryFlow
from desktop.flows.machine import MachineFlow
from desktop.flows.make_all import MakeAllFlow
from desktop.flows.moving import MovingFlow
from desktop.flows.serve import ServeFlow
from desktop.flows.servers import ServersFlow
from desktop.flows.state import State
from desktop.flows.steering import SteeringFlow
from desktop.flows.suggestion import SuggestionFlow
from desktop.garbage import GarbageTime
from desktop.instance import Instance
from desktop.jobs import Jobs
from desktop.models.library_model import Entry
from desktop.pages.chat import ChatPage
from desktop.pages.compare import ComparePage
from desktop.pages.convert import ConvertPage
from desktop.pages.discover import DiscoverPage
from desktop.pages.downloads import DownloadsPage
from desktop.pages.library import LibraryPage
from desktop.pages.machine import MachinePage
from desktop.pages.servers import ServersPage
from desktop.pages.settings import SettingsPage
from desktop.pages.suggestion import SuggestionPage
from desktop.quantities import use_system_form
from desktop.theme.motion import Motion
from desktop.theme.theme import Theme
from desktop.theme.wishes import Wishes
from desktop.window import Window
from engine import settings as settings_file
from engine.catalog.checkpoint import Checkpoint
from engine.errors import Refused
from engine.paths import erase, folders
from engine.settings import Settings

_LAST_MODEL = "chat/model"
_PAGE_OF = {Do.SETTINGS: "settings", Do.SUGGESTION: "suggestion", Do.LIBRARY: "library", Do.MACHINE: "machine"}


class App(QObject):
    """Everything that lives as long as the window."""

    def __init__(self, qt: QApplication, settings: Settings) -> None:
        super().__init__(qt)
        use_system_form()
        self.jobs = Jobs(self)
        self.state = State(self.jobs, settings)
        self._chatting: list[Checkpoint] = []
        self.erases = False
        self.wishes = Wishes(self)
        self.theme = Theme(qt, settings["theme"], settings["contrast"], self.wishes)
        self.motion = Motion(qt, self.wishes, settings["motion"])
        self._make_pages(settings)
        self.store = QSettings(str(folders().config / "window.ini"), QSettings.Format.IniFormat)
        self.window = Window(self.pages, self.jobs, self.store)
        self.window.closing.connect(self.close)
        self.chat.remember(Path(str(self.store.value(_LAST_MODEL) or "")))
        self.chat.model_used.connect(self._on_model_used)
        self.state.page_wanted.connect(self.window.show_page)
        for page in self.pages.values():
            page.way_chosen.connect(self._on_way)
        self._make_flows()
        self.options.changed.connect(self._on_options)
        self.options.about.tour_wanted.connect(self.window.tour.start)

    def start(self) -> None:
        """Show the window, put the starter model into the library, and look at the machine."""
        self.window.show()
        self.library_flow.start()
        self.moving_flow.start()
        self.downloads_flow.start()
        self.convert_flow.start()
        self.chat_flow.start()
        self.servers_flow.start()
        self.steering_flow.start()
        self.machine_flow.look()
        self.environments_flow.look()
        self.window.offer_tour()
        self.wishes.ask()

    @Slot()
    def close(self) -> None:
        """End all that runs, and the model's process."""
        self.downloads_flow.close()
        self.convert_flow.close()
        self.jobs.close()
        self.chat.close_room()
        self.duel_flow.close()
        self.chat_flow.close()

    def _make_pages(self, settings: Settings) -> None:
        self.machine = MachinePage()
        self.suggestion = SuggestionPage(settings["context_tokens"])
        self.discover = DiscoverPage()
        self.downloads = DownloadsPage()
        self.models = LibraryPage(self.state.library.folder)
        self.convert = ConvertPage()
        self.compare = ComparePage()
        self.chat = ChatPage(self.jobs, settings)
        self.servers = ServersPage()
        self.options = SettingsPage(settings)
        self.pages = {
            "machine": self.machine,
            "suggestion": self.suggestion,
            "discover": self.discover,
            "downloads": self.downloads,
            "library": self.models,
            "convert": self.convert,
            "compare": self.compare,
            "chat": self.chat,
            "servers": self.servers,
            "settings": self.options,
        }

    def _make_flows(self) -> None:
        """Make a flow for each page that needs the engine, and join what leads from one page to another."""
        self.machine_flow = MachineFlow(self.state, self.machine)
        self.environments_flow = EnvironmentsFlow(self.state, self.machine)
        self.environments_flow.changed.connect(self.machine_flow.look)
        self.environments_flow.changed.connect(self.convert.retry)
        self.suggestion_flow = SuggestionFlow(self.state, self.suggestion)
        self.library_flow = LibraryFlow(self.state, self.models)
        self.keeping_flow = KeepingFlow(self.state, self.models)
        self.moving_flow = MovingFlow(self.state, self.models)
        self.downloads_flow = DownloadsFlow(self.state, self.downloads, self.store)
        self.window.installEventFilter(self.downloads_flow)
        self.downloads.limit_changed.connect(self._on_limit)
        self.downloads.models_wanted.connect(self._on_models_wanted)
        self.chat_flow = ChatFlow(self.jobs, self.chat)
        self.about_flow = AboutFlow(self.jobs, self.chat, self.chat_flow.store)
        self.steering_flow = SteeringFlow(self.jobs, self.chat)
        self.context_flow = ContextFlow(self.jobs, self.chat)
        self.context_flow.settings_chosen.connect(self._on_settings_chosen)
        self.duel_flow = DuelFlow(self.jobs, self.chat, self.chat_flow)
        self.convert_flow = ConvertFlow(self.state, self.convert)
        self.compare_flow = CompareFlow(self.state, self.compare, self.store)
        self.duel_flow.voted.connect(self.compare_flow.read_again)
        self.make_all_flow = MakeAllFlow(self.state, self.compare, self.compare_flow)
        self.models.compare_wanted.connect(self.compare_flow.open)
        self.serve_flow = ServeFlow(self.state, self.models)
        self.servers_flow = ServersFlow(self.state, self.servers)
        self.servers_flow.changed.connect(self._show_chat_models)
        self.models.serve_wanted.connect(self.serve_flow.open)
        self._make_discover_flows()
        self.machine_flow.looking.failed.connect(self.suggestion.show_error)
        self.library_flow.entries_read.connect(self._on_entries)
        self.keeping_flow.deleting.connect(self._on_deleting)
        self.keeping_flow.repair_wanted.connect(self.downloads_flow.repair)
        self.moving_flow.starting.connect(self._on_moving)
        self.moving_flow.starting.connect(self.downloads_flow.leave)
        self.moving_flow.given_up.connect(self.downloads_flow.start)
        self.moving_flow.settings_wanted.connect(self._show_settings)
        self.window.dropped.connect(self.library_flow.add)
        self.models.suggestion_wanted.connect(self.suggestion_flow.open)
        for page in (self.models, self.suggestion, self.compare):
            page.convert_wanted.connect(self.convert_flow.open)
        for page in (self.models, self.suggestion, self.convert, self.compare, self.discover, self.downloads):
            page.chat_wanted.connect(self.open_chat)
        self.servers.chat_wanted.connect(self.open_chat)

    def _make_discover_flows(self) -> None:
        self.discover_flow = DiscoverFlow(self.state, self.discover)
        self.hub_flow = HubFlow(self.state, self.options.hub)
        self.folders_flow = FoldersFlow(self.state, self.options)
        self.folders_flow.erasing_chosen.connect(self._on_erasing)
        self.discover_flow.download_wanted.connect(self.downloads_flow.add)
        self.hub_flow.looked.connect(self.discover.show_surroundings)
        self.hub_flow.token_kept.connect(self.discover.show_token_kept)
        self.library_flow.entries_read.connect(self.discover_flow.show_entries)
        self.discover.look_wanted.connect(self.hub_flow.look_without_token)
        self.discover.token_wanted.connect(self.hub_flow.ask_token)
        self.discover.suggestion_wanted.connect(self.suggestion_flow.open)
        self.discover.convert_wanted.connect(self.convert_flow.open)

    @Slot(object)
    def _on_way(self, way: Button) -> None:
        """Go where a fault's button leads."""
        if way.do in _PAGE_OF:
            self.window.show_page(_PAGE_OF[way.do])
        elif way.do is Do.ENVIRONMENTS:
            self.environments_flow.open(way.target)
        elif way.do is Do.TOKEN:
            self.hub_flow.ask_token()
        elif way.do is Do.OPEN_FOLDER:
            QDesktopServices.openUrl(QUrl.fromLocalFile(way.target))
        elif way.do is Do.OPEN_ADDRESS:
            QDesktopServices.openUrl(QUrl(way.target))

    @Slot(tuple)
    def _on_entries(self, entries: tuple[Entry, ...]) -> None:
        found = [entry.checkpoint for entry in entries if not entry.damaged]
        self.suggestion.show_library(found)
        self.convert.show_library(found)
        self.compare_flow.show_entries(found)
        self._chatting = [entry.checkpoint for entry in entries if entry.can_chat]
        self._show_chat_models()

    @Slot()
    def _show_chat_models(self) -> None:
        self.chat.show_library([*self._chatting, *self.servers_flow.entries])

    @Slot(Checkpoint)
    def _on_deleting(self, checkpoint: Checkpoint) -> None:
        if checkpoint.path == self.chat.room.path:
            self.chat.close_room()  # Windows deletes no file that is in use

    @Slot()
    def _on_moving(self) -> None:
        path = self.chat.room.path
        if path is not None and self.state.library.holds(path):
            self.chat.close_room()

    @Slot(Path)
    def open_chat(self, path: Path) -> None:
        self.window.show_page("chat")
        self.chat.choose(path)
        self.chat.focus_first()

    @Slot(list)
    def open_files(self, files: Sequence[Path]) -> None:
        """Come to the front, and chat with the last of the models; all are noted, and used where they lie."""
        self.window.come_to_front()
        for path in files:
            if not self.state.library.holds(path):
                self.library_flow.add(path)
            if path.is_file():
                self.open_chat(path)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take files that macOS hands to the running app."""
        if isinstance(event, QFileOpenEvent) and event.file():
            self.open_files([Path(event.file())])
            return True
        return super().eventFilter(watched, event)

    @Slot(Path)
    def _on_model_used(self, path: Path) -> None:
        self.store.setValue(_LAST_MODEL, str(path))

    @Slot(float)
    def _on_limit(self, mb_s: float) -> None:
        self._show_settings(self.state.settings.changed(download_limit_mb_s=mb_s))

    @Slot(dict)
    def _on_settings_chosen(self, values: dict[str, Any]) -> None:
        self._show_settings(self.state.settings.changed(**values))

    @Slot(object)
    def _show_settings(self, settings: Settings) -> None:
        self.options.show_settings(settings)
        self._on_settings(settings)

    @Slot(object)
    def _on_options(self, settings: Settings) -> None:
        if not self.moving_flow.offer(settings):
            self._on_settings(settings)

    @Slot()
    def _on_erasing(self) -> None:
        self.erases = True
        self.window.close()

    @Slot()
    def _on_models_wanted(self) -> None:
        self.window.show_page("discover" if "discover" in self.pages else "library")

    @Slot(object)
    def _on_settings(self, settings: Settings) -> None:
        self.theme.choose(settings["theme"], settings["contrast"])
        self.motion.choose(settings["motion"])
        self.chat.show_settings(settings)
        self.state.set_settings(settings)
        self.downloads_flow.show_settings(settings)
        try:
            settings_file.save(settings)
        except OSError as error:
            self.options.show_error(
                Refused(
                    self.tr("The settings cannot be kept: {error}").format(error=error),
                    self.tr("They hold until Halfbyte is closed."),
                )
            )


def run(files: Sequence[Path] = ()) -> int:
    """Open the window and stay until it is closed, or hand the files to the one that is open; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl+C in the terminal; workers end with us
    QApplication.setApplicationName("Halfbyte")
    QApplication.setDesktopFileName("org.halfbyte.Halfbyte")
    qt = QApplication(sys.argv[:1])
    reports = CrashReports(folders().logs)
    net = BugNet(qt, reports)
    net.spread()
    instance = Instance(parent=qt)
    try:
        if not instance.claim(files):
            return 0
    except TimeoutError as error:
        sys.stderr.write(f"{error} End its process, then start Halfbyte again.\n")
        return 1
    logs.open_log(reports.folder)
    reports.arm()
    logs.LOG.info("Start: %s", versions().replace("\n", ", "))
    app = App(qt, settings_file.load())
    instance.asked.connect(app.open_files)
    app.window.closing.connect(instance.close)
    if sys.platform == "darwin":  # elsewhere it would only slow down every event
        qt.installEventFilter(app)
    logs.Journal(app.jobs)
    app.start()
    net.show_unseen()
    if files:
        app.open_files(files)
    GarbageTime(app.jobs)
    code = qt.exec()
    logs.LOG.info("End: %d", code)
    ended = app.jobs.close()
    reports.disarm()
    if app.erases:
        app.store.sync()  # it writes no more after this
        logging.shutdown()
        erase(folders())
    if not ended:
        os._exit(code)  # something hangs in native code; Python's own end would wait for it or crash
    return code
