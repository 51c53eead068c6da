"""What this computer has, and why a part of it is not used."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication

from desktop.models import machine_words
from desktop.widgets.card import Card, CardGrid
from desktop.widgets.controls import button, label, paragraph
from desktop.widgets.environments_section import EnvironmentsSection
from desktop.widgets.fact_list import FactList
from desktop.widgets.page import Page
from desktop.widgets.progress_line import ProgressLine
from engine.events import Progress
from engine.machine.facts import Machine


class MachinePage(Page):
    """Show a :class:`Machine`. ``refresh_wanted`` asks to look again; :attr:`environments` has signals of its own."""

    refresh_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(self.tr("Machine"), self.tr("What this computer has for running models."))
        self._machine: Machine | None = None
        self.copy = button(self.tr("Copy as text"), "quiet", "copy")
        self.copy.clicked.connect(self._copy)
        self.copy.setEnabled(False)
        self.refresh = button(self.tr("Look again"), "", "refresh", "F5")
        self.refresh.setShortcut("F5")
        self.refresh.clicked.connect(self.refresh_wanted)
        self.buttons.addWidget(self.copy)
        self.buttons.addWidget(self.refresh)
        self.summary = label(self.tr("Looking at this computer…"), "heading", wraps=True)
        self.progress = ProgressLine(self.tr("Looking at this computer"))
        self._question = Card("", "info")
        self._question.hide()
        self._grid = CardGrid()
        self.environments = EnvironmentsSection()
        for widget in (self.summary, self.progress, self._question, self._grid, self.environments):
            self.column.addWidget(widget)
        self.column.addStretch(1)

    def retry(self) -> None:
        self.refresh_wanted.emit()

    @Slot()
    def show_busy(self) -> None:
        """Say that the computer is being looked at; what is known stays on the page."""
        self.banner.clear()
        self.progress.restart()
        self.progress.show()
        self.refresh.setEnabled(False)

    @Slot(Progress)
    def show_progress(self, progress: Progress) -> None:
        self.progress.show_progress(progress)

    @Slot(object)
    def show_machine(self, machine: Machine) -> None:
        self._machine = machine
        self._end()
        self.summary.setText(machine_words.summary(machine))
        self.copy.setEnabled(True)
        self._show_answer(machine)
        self.environments.show_machine(machine)
        self._grid.show_cards([_card(section) for section in machine_words.sections(machine)])

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        self._end()
        if self._machine is None:
            self.summary.setText(self.tr("Nothing is known about this computer yet."))
        super().show_error(error)

    def _end(self) -> None:
        self.progress.hide()
        self.refresh.setEnabled(True)

    def _show_answer(self, machine: Machine) -> None:
        card = Card(machine_words.gpu_question(machine), "info")
        for sentence in machine_words.gpu_answer(machine):
            card.body.addWidget(paragraph(sentence, role=""))
        self.column.replaceWidget(self._question, card)
        self._question.deleteLater()
        self._question = card

    @Slot()
    def _copy(self) -> None:
        if self._machine:
            QGuiApplication.clipboard().setText(machine_words.as_text(self._machine))
            self.copy.setText(self.tr("Copied"))


def _card(section: machine_words.Section) -> Card:
    card = Card(section.heading, section.icon)
    card.body.addWidget(FactList(section.facts))
    return card
