"""Keep what was measured as a file: a table or a picture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.theme.icons import icon

# The kinds of file: what the menu says, and the ending that tells what is written.
KINDS = (
    (QT_TR_NOOP("A table for spreadsheets (CSV)…"), ".csv"),
    (QT_TR_NOOP("All numbers (JSON)…"), ".json"),
    (QT_TR_NOOP("A table for people (Markdown)…"), ".md"),
    (QT_TR_NOOP("A picture of the chart (PNG)…"), ".png"),
)


class ExportButton(QPushButton):
    """A menu of the kinds; ``chosen`` tells the file that the person named. ``name`` is what is offered."""

    chosen = Signal(Path)

    def __init__(self) -> None:
        super().__init__(self.tr("Export"))
        self.name = "formats"
        self.setAccessibleName(self.tr("Export"))
        self.setProperty("role", "quiet")
        self.setIcon(icon("file", "text_muted"))
        self.setIconSize(QSize(scale.ICON, scale.ICON))
        self.setAutoDefault(False)
        self.clicked.connect(self._on_clicked)

    @Slot()
    def _on_clicked(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for words, ending in KINDS:
            menu.addAction(tr(words), partial(self._ask, ending))
        menu.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _ask(self, ending: str) -> None:
        name, kinds = f"{self.name}{ending}", f"{ending[1:].upper()} (*{ending})"
        file, _ = QFileDialog.getSaveFileName(self, self.tr("Export"), str(Path.home() / name), kinds)
        if file:
            path = Path(file)
            self.chosen.emit(path if path.suffix == ending else path.with_name(path.name + ending))
