"""The system prompt of one conversation, and the library of those that were saved."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph, row
from desktop.widgets.steering.shelf_bar import ShelfBar
from desktop.widgets.steering.texts_row import TextsRow
from engine.chat.prompts import BUNDLED

_PURPOSE = QT_TR_NOOP(
    "What the model is told before this conversation. New conversations begin with the one in the settings."
)
_HELP = QT_TR_NOOP("Empty: the model is told nothing. A change holds from the next answer on.")
_LINES, _WIDTH = 10, 560


class PromptDialog(QDialog):
    """``changed`` carries the text once it is left, or another was chosen."""

    changed = Signal(str)

    def __init__(self, text: str, prompts: Mapping[str, str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("System prompt"))
        self._prompts = prompts
        self.bar = ShelfBar(self.tr("&Library"), self.tr("Not saved"), BUNDLED)
        self.bar.chosen.connect(self._on_chosen)
        self.text = TextsRow(self.tr("System &prompt"), tr(_HELP), _LINES, code=False)
        self.text.show_text(text)
        self.text.changed.connect(self._on_changed)
        self.shut = button(self.tr("Close"), "primary")
        self.shut.clicked.connect(self.accept)
        self.setMinimumWidth(min(_WIDTH, parent.window().width() - 2 * scale.XL))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [label(self.tr("System prompt"), "heading"), paragraph(tr(_PURPOSE)), self.bar, self.text])
        add(layout, [row(None, self.shut)])
        self._show_name()
        self.text.field.setFocus()

    @property
    def thing(self) -> str:
        """What is to be saved."""
        return self.text.text

    def show_things(self, prompts: Mapping[str, str]) -> None:
        self._prompts = prompts
        self._show_name()

    def done(self, result: int) -> None:
        self.text.settle()  # Escape leaves no field
        super().done(result)

    def _show_name(self) -> None:
        named = next((name for name, text in self._prompts.items() if text == self.text.text), "")
        self.bar.show_things(list(self._prompts), named)

    @Slot(str)
    def _on_changed(self, text: str) -> None:
        self._show_name()
        self.changed.emit(text)

    @Slot(str)
    def _on_chosen(self, name: str) -> None:
        self.text.show_text(self._prompts[name])
        self._show_name()
        self.changed.emit(self.text.text)
