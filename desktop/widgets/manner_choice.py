"""Choose how a format is made: with an importance matrix or without, learnt from which text, compared or not."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFileDialog, QWidget

from desktop.language import tr
from desktop.models.making import LearnsFrom, Manner, is_calibrated, needs_importance, takes_importance
from desktop.widgets.controls import column, label, row
from desktop.widgets.fields import Choice
from desktop.widgets.samples_field import SamplesField


class MannerChoice(QWidget):
    """``chosen`` comes with each change; ``conversations_wanted`` when their number is to be shown."""

    chosen = Signal()
    conversations_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._format_id = ""
        self._files: tuple[Path, ...] = ()
        self._wish = False  # whether the person wants a matrix where that is a choice
        self._text_before = 0
        self.importance = QCheckBox(self.tr("Learn first which weights matter (importance matrix)"))
        self.importance.setToolTip(self.tr("Takes longer, and the result is closer to the original."))
        self.importance.clicked.connect(self._on_importance)
        self.compares = QCheckBox(self.tr("Compare the result with the original"))
        self.compares.setChecked(True)
        self.compares.setToolTip(self.tr("Both read the same text. Left out where there is no room for it."))
        self.compares.clicked.connect(self.chosen)
        self.text = Choice()
        self.text.addItem(self.tr("Texts that come with Halfbyte"), "ours")
        self.text.addItem(self.tr("My files…"), "files")
        self.text.addItem("", "conversations")
        self.text.addItem(self.tr("What the model writes itself"), "itself")
        self.text.activated.connect(self._on_text)
        self._name = label(self.tr("Learn &from"), "muted", buddy=self.text)
        self.about = label("", "caption", wraps=True)
        self.amount = SamplesField()
        self.amount.chosen.connect(self.chosen)
        self._learning = QWidget()
        self._learning.setLayout(column(row(self._name, self.text, None), self.about, self.amount))
        self.setLayout(column(self.importance, self._learning, self.compares))
        self.show_conversations(0)
        self.show_format("")

    @property
    def manner(self) -> Manner:
        importance = takes_importance(self._format_id) and self.importance.isChecked()
        learns = importance or is_calibrated(self._format_id)
        counts = self.amount.counts if is_calibrated(self._format_id) else (0, 0)
        learns_from = self._learns_from if learns else "ours"
        return Manner(importance, learns_from, self._files, self.compares.isChecked(), *counts)

    def show_format(self, format_id: str) -> None:
        """Offer what makes a difference to a format."""
        self._format_id = format_id
        needed = needs_importance(format_id)
        self.importance.setVisible(takes_importance(format_id))
        self.importance.setEnabled(not needed)
        self.importance.setChecked(needed or self._wish)
        self.compares.setVisible(takes_importance(format_id))
        self._show_learning()

    def show_conversations(self, messages: int) -> None:
        """Say how much there is to learn from; with nothing said yet it cannot be chosen."""
        place = self.text.findData("conversations")
        none = self.tr("My conversations (none yet)")
        self.text.setItemText(place, tr("My conversations (%Ln message(s))", "", messages) if messages else none)
        self.text.model().item(place).setEnabled(messages > 0)  # type: ignore[attr-defined]

    @property
    def _learns_from(self) -> LearnsFrom:
        return self.text.currentData()

    def _show_learning(self) -> None:
        shown = self.importance.isChecked() if takes_importance(self._format_id) else is_calibrated(self._format_id)
        if shown and self._learning.isHidden():
            self.conversations_wanted.emit()
        self._learning.setVisible(shown)
        self.amount.setVisible(is_calibrated(self._format_id))
        self.about.setText(self._about())
        self.about.setVisible(bool(self.about.text()))

    def _about(self) -> str:
        match self._learns_from:
            case "conversations":
                return self.tr("Your words stay on this machine. The result's record keeps only a hash of them.")
            case "itself":
                return self.tr("The model writes a text first, which takes longer. The same text each time.")
            case "files":
                return ", ".join(file.name for file in self._files)
        return ""

    @Slot(bool)
    def _on_importance(self, wanted: bool) -> None:
        self._wish = wanted
        self._show_learning()
        self.chosen.emit()

    @Slot(int)
    def _on_text(self, index: int) -> None:
        if self._learns_from == "files" and not self._ask_for_files():
            self.text.setCurrentIndex(self._text_before)
            return
        self._text_before = index
        self._show_learning()
        self.chosen.emit()

    def _ask_for_files(self) -> bool:
        names, _ = QFileDialog.getOpenFileNames(self, self.tr("Choose texts"), "", self.tr("Plain text (*.txt *.md *)"))
        if names:
            self._files = tuple(map(Path, names))
        return bool(names)
