"""The environments: what each is for, what it takes, and the buttons to set it up, check it and remove it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.language import tr
from desktop.quantities import size
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import add, button, label, paragraph, row
from desktop.widgets.progress_line import ProgressLine
from engine.environments.places import Found
from engine.environments.plan import SetUpPlan
from engine.events import Progress
from engine.machine.facts import Machine
from engine.recommend.pools import nvidia_gpus


class EnvironmentCard(Card):
    """One environment. Its signals carry its name; ``set_up_wanted`` a plan that the person has seen."""

    plan_wanted = Signal(str)
    set_up_wanted = Signal(object)
    check_wanted = Signal(str)
    remove_wanted = Signal(str)
    cancel_wanted = Signal(str)

    def __init__(self, found: Found) -> None:
        super().__init__(found.environment.title, "download")
        self.found = found
        self._plan: SetUpPlan | None = None
        self.state = label("", wraps=True)
        self.said = paragraph()
        self.progress = ProgressLine(found.environment.title)
        self.ask = button("", "", "download")
        self.fetch = button(self.tr("Fetch and set up"), "primary", "download")
        self.later = button(self.tr("Not now"))
        self.check = button(self.tr("Check"), "", "check")
        self.remove = button(self.tr("Remove…"), "danger", "trash")
        self.cancel = button(self.tr("Cancel"), "", "close")
        self.ask.clicked.connect(self._on_ask)
        self.fetch.clicked.connect(self._on_fetch)
        self.later.clicked.connect(self._on_later)
        self.check.clicked.connect(self._on_check)
        self.remove.clicked.connect(self._on_remove)
        self.cancel.clicked.connect(self._on_cancel)
        buttons = row(self.ask, self.fetch, self.later, self.check, self.remove, self.cancel, None)
        purpose = found.environment.purpose
        add(self.body, [paragraph(f"{purpose[:1].upper()}{purpose[1:]}."), self.state, self.said, self.progress])
        self.body.addLayout(buttons)
        self.show_found(found)

    def show_found(self, found: Found) -> None:
        self.found, self._plan = found, None
        self.state.setText(state_words(found))
        self.ask.setText(self.tr("Set up…") if found.state in ("absent", "damaged") else self.tr("Renew…"))
        self.ask.setAccessibleName(f"{self.ask.text()} {found.environment.title}")
        there = found.state in ("ready", "outdated")
        shown = [*([self.ask] if found.state != "ready" else []), *([self.check] if there else [])]
        self._show_only(*shown, *([self.remove] if found.state != "absent" else []))

    def show_plan(self, plan: SetUpPlan) -> None:
        """Show what it will take, before anything is fetched."""
        self._plan = plan
        words = self.tr("To fetch: {download}. On the disk: about {disk}; {free} are free.").format(
            download=size(plan.download_bytes), disk=size(plan.disk_bytes), free=size(plan.free_bytes)
        )
        problem = plan.problem
        self.show_said(f"{words} {problem.message} {problem.hint}" if problem else words)
        self.fetch.setEnabled(problem is None)
        self._show_only(self.fetch, self.later, self.said)
        (self.later if problem else self.fetch).setFocus(Qt.FocusReason.OtherFocusReason)

    def show_busy(self, words: str) -> None:
        self.progress.restart(words)
        self.cancel.setEnabled(True)
        self._show_only(self.progress, self.cancel)

    def show_progress(self, progress: Progress) -> None:
        self.progress.show_progress(progress)

    def show_said(self, words: str) -> None:
        """Show what came of the last step."""
        self.said.setText(words)
        self.said.setVisible(bool(words))

    def _show_only(self, *shown: QWidget) -> None:
        actions = (self.ask, self.fetch, self.later, self.check, self.remove, self.cancel)
        for widget in (*actions, self.progress, self.said):
            widget.setVisible(widget in shown)

    @Slot()
    def _on_ask(self) -> None:
        self.plan_wanted.emit(self.found.environment.name)

    @Slot()
    def _on_fetch(self) -> None:
        if self._plan:
            self.set_up_wanted.emit(self._plan)

    @Slot()
    def _on_later(self) -> None:
        self.show_found(self.found)

    @Slot()
    def _on_check(self) -> None:
        self.check_wanted.emit(self.found.environment.name)

    @Slot()
    def _on_remove(self) -> None:
        self.remove_wanted.emit(self.found.environment.name)

    @Slot()
    def _on_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.cancel_wanted.emit(self.found.environment.name)


class EnvironmentsSection(QWidget):
    """A card for each environment; the signals are those of the cards."""

    plan_wanted = Signal(str)
    set_up_wanted = Signal(object)
    check_wanted = Signal(str)
    remove_wanted = Signal(str)
    cancel_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.cards: dict[str, EnvironmentCard] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(scale.L)
        what = self.tr("Packages that are not part of the app, because they take several GB. Set up what you want.")
        self.without_card = paragraph(
            self.tr(
                "No NVIDIA card was found here: what they make and run is computed on the processor, slowly. GGUF "
                "files need none of them and serve better on this computer."
            )
        )
        self.without_card.hide()
        add(self._column, [label(self.tr("Environments"), "heading"), paragraph(what), self.without_card])

    def show_machine(self, machine: Machine) -> None:
        """Say so where the packages would have no card to compute on."""
        self.without_card.setVisible(not nvidia_gpus(machine))

    @Slot(object)
    def show_found(self, found: Sequence[Found]) -> None:
        """Show how the environments are; one that is being worked on keeps what it shows."""
        for one in found:
            name = one.environment.name
            if name not in self.cards:
                self._add(name, EnvironmentCard(one))
            elif self.cards[name].progress.isHidden():
                self.cards[name].show_found(one)

    def _add(self, name: str, card: EnvironmentCard) -> None:
        self.cards[name] = card
        card.plan_wanted.connect(self.plan_wanted)
        card.set_up_wanted.connect(self.set_up_wanted)
        card.check_wanted.connect(self.check_wanted)
        card.remove_wanted.connect(self.remove_wanted)
        card.cancel_wanted.connect(self.cancel_wanted)
        self._column.addWidget(card)


def state_words(found: Found) -> str:
    """Return how an environment is, in a sentence."""
    environment = found.environment
    words = {
        "absent": tr("Not set up: about {download} to fetch, {disk} on the disk."),
        "ready": tr("Ready: {size} on the disk."),
        "outdated": tr("It works and takes {size}; newer versions belong to this version of the app."),
        "damaged": tr("Damaged: set it up again."),
    }[found.state]
    return words.format(
        download=size(environment.about_download_bytes),
        disk=size(environment.about_disk_bytes),
        size=size(found.disk_bytes),
    )
