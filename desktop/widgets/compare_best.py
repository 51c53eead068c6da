"""“Best for you”: the format that the rule chooses, why, and the rule itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot

from desktop.models.compare import Ranked
from desktop.models.compare_table import place_words
from desktop.widgets.card import Card
from desktop.widgets.compare_rule import RuleFields
from desktop.widgets.controls import button, paragraph, row
from engine.measure.choose import Rule


class BestCard(Card):
    """``chat_wanted`` tells the path of the best; the ``rule`` tells its own changes."""

    chat_wanted = Signal(Path)

    def __init__(self, rule: Rule) -> None:
        super().__init__(self.tr("Best for you"), "check", "pick")
        self._best: Ranked | None = None
        self.reason = paragraph("", "")
        self.rule = RuleFields(rule)
        self.chat = button(self.tr("Chat with it"), "primary", "chat")
        self.chat.clicked.connect(self._on_chat)
        self.body.addWidget(self.reason)
        self.body.addWidget(self.rule)
        self.body.addLayout(row(self.chat, None))

    @property
    def path(self) -> Path | None:
        """The best one's file; ``None`` where nothing keeps to the rule."""
        return self._best.contender.model.path if self._best else None

    def show_ranked(self, ranked: Sequence[Ranked]) -> None:
        """Show the best of the measured formats; where none keeps to the rule, the nearest and what it breaks."""
        measured = [each for each in ranked if each.choice]
        self.setVisible(bool(measured))
        if not measured:
            return
        first = measured[0]
        self._best = first if first.best else None
        self.chat.setVisible(first.best)
        best = self.tr("Best so far") if any(each.contender.can_measure for each in ranked) else self.tr("Best for you")
        self.heading.setText(
            f"{best}: {first.contender.label}" if first.best else self.tr("Nothing keeps to this rule")
        )
        words = place_words(first)
        nearest = self.tr("{format} comes nearest.").format(format=first.contender.label)
        self.reason.setText(words if first.best else f"{nearest} {words}")
        self.setAccessibleName(f"{self.heading.text()}. {self.reason.text()}")

    @Slot()
    def _on_chat(self) -> None:
        if self._best:
            self.chat_wanted.emit(self._best.contender.model.path)
