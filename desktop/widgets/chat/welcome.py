"""What the page shows before the first question: what to do, and questions to begin with."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.controls import button, column, row
from desktop.widgets.empty_state import EmptyState

EXAMPLES = (
    QT_TR_NOOP("What is photosynthesis?"),
    QT_TR_NOOP("Write a Python function that adds two numbers."),
    QT_TR_NOOP("Give me three tips for a good night’s sleep."),
)
_READY = QT_TR_NOOP("Write below, or begin with one of these.")
_TO_DO = {
    "empty": QT_TR_NOOP("Choose a model above."),
    "loading": QT_TR_NOOP("The model is being loaded; you can write already."),
}
_WIDTH = 560
_ROOMY_FROM = 360  # less height: at 200 %, or with the tour above


class Welcome(QWidget):
    """``asked`` carries the example that was chosen. The examples can be chosen once there is a model."""

    asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.examples = [self._example(tr(text)) for text in EXAMPLES]
        self._leaves = False
        self._shown = "empty"
        self._state = EmptyState("chat", self.tr("Ask your own machine"), "")
        examples = QWidget()
        examples.setMaximumWidth(_WIDTH)
        examples.setLayout(column(*self.examples))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, 0, scale.XL, 0)
        layout.addStretch(1)
        layout.addWidget(self._state)
        across = row(None, examples, None)
        across.setStretch(1, 1000)
        layout.addLayout(across)
        layout.addStretch(2)
        self.show_state("empty")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._state.show_compact(self.height() < _ROOMY_FROM)

    def show_leaving(self, leaves: bool) -> None:
        """Promise nothing of words that leave this machine: what is said of them stands above the field."""
        self._leaves = leaves
        self._state.heading.setText(self.tr("Ask a model elsewhere") if leaves else self.tr("Ask your own machine"))
        self.show_state(self._shown)

    def show_state(self, state: str) -> None:
        """Say what to do in a state of the room."""
        self._shown = state
        stays = "" if self._leaves else self.tr("Everything you write stays on this computer.")
        self._state.sentence.setText(f"{tr(_TO_DO.get(state, _READY))} {stays}".strip())
        for example in self.examples:
            example.setEnabled(state == "ready")

    def _example(self, text: str) -> QPushButton:
        made = button(text, "", "chat")
        made.setObjectName(text)
        made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # a narrow window cuts the words off
        made.clicked.connect(self._on_clicked)
        return made

    @Slot()
    def _on_clicked(self) -> None:
        self.asked.emit(self.sender().objectName())
