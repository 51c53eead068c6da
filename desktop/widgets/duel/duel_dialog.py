"""Two models side by side on one question, and blind, with a vote."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QDialog, QHBoxLayout, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.chat.announcer import announce
from desktop.widgets.chat.composer import QuestionField
from desktop.widgets.chat.press import Press
from desktop.widgets.controls import add, button, frame, label, row
from desktop.widgets.duel.duel_side import DuelSide
from desktop.widgets.fields import Choice
from desktop.widgets.model_picker import model_words
from engine.catalog.checkpoint import Checkpoint
from engine.chat.conversation import Message
from engine.chat.duel import Pairing
from engine.measure.votes import Tally, Verdict

_STACKED_BELOW = 680  # a narrower dialog shows one answer below the other
_SIZE = 1080, 760
_BEGIN = QT_TR_NOOP("Choose two models, or two formats of one, and ask both the same question.")
_TOO_FEW = QT_TR_NOOP(
    "This needs two models in the library. Get another one, or make another format of one, and come back."
)
_SAME = QT_TR_NOOP("Choose two different models.")
_IN_TURN = QT_TR_NOOP("Both together do not fit the free memory: they answer one after the other.")
_VERDICTS: dict[Verdict, str] = {
    "first": QT_TR_NOOP("&A is better"),
    "tie": QT_TR_NOOP("As &good"),
    "second": QT_TR_NOOP("B is be&tter"),
}


class DuelDialog(QDialog):
    """``asked`` carries the question, the paths and whether it is blind; ``vote_wanted`` a verdict.

    ``open_wanted`` is the wish to see both answers as a conversation.
    """

    asked = Signal(str, list, bool)
    stop_wanted = Signal()
    vote_wanted = Signal(str)
    open_wanted = Signal()
    link_wanted = Signal(str)

    def __init__(self, models: Sequence[Checkpoint], chosen: Path | None, press: Press, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Two models side by side"))
        self.models = tuple(models)
        self._running = False
        self._names = "", ""
        self._make_parts(press)
        self._choose(chosen)
        self._lay_out(parent.window().size())
        self._wire()
        self._show_state()
        self.field.setFocus()

    @property
    def paths(self) -> list[Path]:
        return [Path(picker.currentData()) for picker in self.pickers if picker.currentData()]

    def begin(self) -> None:
        """Wait for two answers."""
        self._running = True
        self.ballot.hide()
        for side in self.sides:
            side.begin(self.tr("Opening the models…"))
        self._show_state()

    def show_pairing(self, pairing: Pairing, *, blind: bool) -> None:
        first, second = (each.checkpoint.title for each in pairing.contestants)
        self._names = first, second
        self.note.setText("" if pairing.together else tr(_IN_TURN))
        if not blind:
            self._show_names()
        if not pairing.together:
            self.sides[1].wait(self.tr("Waiting for answer A…"))

    def show_end(self, number: int, message: Message, error: Exception | None) -> None:
        self.sides[number].end(message, error)

    def show_over(self, *, decidable: bool, keeps: bool) -> None:
        """Let the person vote, where there are two answers."""
        self._running = False
        self.note.setText(
            self.tr("Which answer is better?") if decidable else self.tr("There are no two answers to vote on.")
        )
        self.ballot.setVisible(decidable)
        self.turn.setVisible(keeps)
        if not decidable:
            self._show_names()
        announce(self, self.tr("Both have answered."))
        self._show_state()
        if decidable:
            self.votes["first"].setFocus()

    def show_votes(self, counted: Sequence[Tally]) -> None:
        """Tell the names, and how often each model was better."""
        self.ballot.hide()
        self._show_names()
        self.note.setText(self.tr("Your vote is kept.") if counted else self.tr("Votes are not kept in this window."))
        for side, tally in zip(self.sides, counted, strict=False):
            side.show_tally(self.tr("Your votes: {votes}").format(votes=tally.words))
        announce(self, self.tr("A was {first}, B was {second}.").format(first=self._names[0], second=self._names[1]))
        self.field.setFocus()

    def show_problem(self, words: str) -> None:
        """Say why nothing could begin, or why the vote was not kept."""
        self._running = False
        for side in self.sides:
            side.progress.hide()
        self.note.setText(words)
        self._show_state()

    def reject(self) -> None:
        """Escape first stops the answers, and then leaves."""
        if self._running:
            self.stop_wanted.emit()
        else:
            super().reject()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        way = QBoxLayout.Direction.TopToBottom if self.width() < _STACKED_BELOW else QBoxLayout.Direction.LeftToRight
        for layout in (self._beside, self._choosing):
            layout.setDirection(way)

    def _show_names(self) -> None:
        for side, name in zip(self.sides, self._names, strict=True):
            side.show_name(name)

    @Slot()
    def _on_deed(self) -> None:
        if self._running:
            self.stop_wanted.emit()
        elif self.deed.isEnabled():
            self.asked.emit(self.field.toPlainText().strip(), self.paths, self.blind.isChecked())

    @Slot()
    def _show_state(self) -> None:
        first, second = self.pickers
        ready = len(self.models) > 1 and first.currentData() != second.currentData()
        for part in (*self.pickers, self.blind):
            part.setEnabled(not self._running and len(self.models) > 1)
        self.deed.setText(self.tr("Stop") if self._running else self.tr("Ask both"))
        self.deed.setAccessibleName(self.deed.text())
        self.deed.setEnabled(self._running or (ready and bool(self.field.toPlainText().strip())))
        if len(self.models) < 2:
            self.note.setText(tr(_TOO_FEW))
        elif not ready or self.note.text() == tr(_SAME):
            self.note.setText(tr(_BEGIN) if ready else tr(_SAME))

    def _choose(self, chosen: Path | None) -> None:
        """Begin with the model of the conversation and the next one of the library."""
        for picker in self.pickers:
            for model in self.models:
                picker.addItem(model_words(model), str(model.path))
        first = max(self.pickers[0].findData(str(chosen)), 0)
        self.pickers[0].setCurrentIndex(first)
        if len(self.models) > 1:
            self.pickers[1].setCurrentIndex((first + 1) % len(self.models))

    def _make_parts(self, press: Press) -> None:
        self.pickers = Choice(), Choice()
        self.blind = QCheckBox(self.tr("&Blind: hide which model is which until I have voted"))
        self.sides = DuelSide("A", press), DuelSide("B", press)
        self.note = label(tr(_BEGIN), "muted", wraps=True)
        self.field = QuestionField()
        self.deed = button(self.tr("Ask both"), "primary", "send")
        self.votes = {verdict: button(tr(words)) for verdict, words in _VERDICTS.items()}
        self.ballot = QWidget()
        self.ballot.setLayout(row(*self.votes.values()))
        self.ballot.hide()
        self.turn = button(self.tr("Open as a conversation"), "quiet", "chat")
        self.turn.hide()
        self.shut = button(self.tr("Close"))

    def _lay_out(self, room: QSize) -> None:
        self.resize(min(_SIZE[0], room.width() - scale.XXL), min(_SIZE[1], room.height() - scale.XXL))
        self._choosing, self._beside = QHBoxLayout(), QHBoxLayout()
        for number, (picker, side) in enumerate(zip(self.pickers, self.sides, strict=True), 1):
            named = row(label(self.tr("Model &{number}").format(number=number), "muted", buddy=picker), picker)
            named.setStretch(1, 1)
            picker.setMinimumContentsLength(12)
            self._choosing.addLayout(named, 1)
            self._beside.addWidget(side, 1)
        for layout in (self._choosing, self._beside):
            layout.setSpacing(scale.M)
        written = frame("composer", margins=scale.S, across=True)
        inner = written.layout()
        assert isinstance(inner, QBoxLayout)
        inner.addWidget(self.field, 1)
        inner.addWidget(self.deed, 0, Qt.AlignmentFlag.AlignBottom)
        across = row(self.note, self.ballot, spacing=scale.M)
        across.setStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.L, scale.L, scale.L, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [self._choosing, self.blind])
        layout.addLayout(self._beside, 1)
        add(layout, [across, written, row(self.turn, None, self.shut)])

    def _wire(self) -> None:
        for picker in self.pickers:
            picker.currentIndexChanged.connect(self._show_state)
        for verdict, vote in self.votes.items():
            vote.clicked.connect(partial(self.vote_wanted.emit, verdict))
        for side in self.sides:
            side.link_wanted.connect(self.link_wanted)
        self.field.textChanged.connect(self._show_state)
        self.field.sent.connect(self._on_deed)
        self.deed.clicked.connect(self._on_deed)
        self.turn.clicked.connect(self.open_wanted)
        self.shut.clicked.connect(self.accept)
        QShortcut(QKeySequence("Ctrl+Return"), self, self._on_deed)
