"""The app's folders and what it says about itself: two cards of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices

from desktop import logs
from desktop.crashes import last_report, machine_line
from desktop.faults import versions
from desktop.flows.state import State
from desktop.jobs import Call, Latest
from desktop.language import tr
from desktop.models.app_folders import AppFolder, app_folders, clean
from desktop.models.machine_words import as_text
from desktop.pages.settings import SettingsPage
from desktop.quantities import size
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.machine.facts import Machine
from engine.paths import Folders, folders, own
from engine.runtime import kept_prompts
from engine.settings import Settings

THINKING_MS = 1500  # a value is gone through on the way to another by the arrows of its field
_KEPT = "kept_prompts_gb"


class FoldersFlow(QObject):
    """Measures the folders whenever they come into sight, and cleans them.

    Kept prompts that are above a lower limit are deleted a moment after it was chosen. ``erasing_chosen`` comes when
    nothing is to stay: that is done when the app has ended, and no file is in use.
    """

    erasing_chosen = Signal()

    def __init__(self, state: State, page: SettingsPage) -> None:
        super().__init__(state)
        self._state = state
        self._page = page
        self._measuring = Latest(state.jobs)
        self._measuring.finished.connect(page.folders.show_folders)
        self._measuring.failed.connect(page.show_error)
        self._collecting = Latest(state.jobs)
        self._collecting.finished.connect(page.about.copy_text)
        self._collecting.failed.connect(page.show_error)
        self._kept = page.rows[_KEPT]
        self._limit_gb = state.settings[_KEPT]
        self._trimming = Latest(state.jobs)
        self._trimming.finished.connect(self._on_trimmed)
        self._trimming.failed.connect(page.show_error)
        self._thinking = QTimer(self, singleShot=True, interval=THINKING_MS)
        self._thinking.timeout.connect(self._trim)
        page.changed.connect(self._on_settings)
        page.folders.look_wanted.connect(self.measure)
        page.folders.open_wanted.connect(self._open)
        page.folders.clean_wanted.connect(self._clean)
        page.folders.erase_wanted.connect(self._ask_to_erase)
        page.about.diagnostics_wanted.connect(self._collect)

    @Slot()
    def measure(self) -> None:
        self._measuring.start(Call(app_folders, self._state.library.folder))

    @Slot(object)
    def _open(self, folder: AppFolder) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder.path)))

    @Slot(object)
    def _clean(self, folder: AppFolder) -> None:
        thread = self._state.jobs.start(Call(clean, folder))
        thread.finished.connect(self.measure)

    @Slot()
    def _ask_to_erase(self) -> None:
        question, deed = self.tr("Delete everything that Halfbyte keeps here?"), self.tr("Delete and close Halfbyte")
        words = erasing_words(self._page.folders.folders, folders())
        self.asked = ConfirmDialog(question, words, deed, self._page)
        self.asked.accepted.connect(self.erasing_chosen)
        self.asked.open()

    @Slot(object)
    def _on_settings(self, settings: Settings) -> None:
        if settings[_KEPT] != self._limit_gb:
            self._limit_gb = settings[_KEPT]
            self._kept.tell("")
            self._thinking.start()

    @Slot()
    def _trim(self) -> None:
        self._trimming.start(Call(kept_prompts.trim, int(self._limit_gb * 1e9)))

    @Slot(object)
    def _on_trimmed(self, freed_bytes: int) -> None:
        if freed_bytes:
            self._kept.tell(self.tr("{size} of kept prompts were deleted.").format(size=size(freed_bytes)))
            self.measure()

    @Slot()
    def _collect(self) -> None:
        self._collecting.start(Call(diagnostics, self._state.machine))


def erasing_words(found: Sequence[AppFolder], where: Folders) -> str:
    """Return what would be deleted, line by line with its size, and what would stay."""
    owned = own(where)
    gone = [folder for folder in found if any(folder.path.is_relative_to(each) for each in owned)]
    lines = [f"{folder.name}: {size(folder.taken_bytes)}" for folder in gone if folder.taken_bytes]
    lines.append(tr("In all {size}, for good.").format(size=size(sum(folder.taken_bytes for folder in gone))))
    stays = [str(folder.path) for folder in found if folder not in gone and folder.taken_bytes]
    if stays:
        lines.append(tr("What lies in {folders} stays.").format(folders=", ".join(stays)))
    lines.append(tr("Keys in the system's keyring stay: remove them first, under Hugging Face and on Servers."))
    return "\n".join(lines)


def diagnostics(machine: Machine | None) -> str:
    """Return everything that a bug report needs, without the person's name and words."""
    log = folders().logs
    about = as_text(machine) if machine else machine_line()
    parts = [versions(), about, "The end of the log:", logs.tail(log), "The last crash report:"]
    return "\n\n".join([*parts, last_report(log) or "none"]).replace(str(Path.home()), "~")
