"""Join a find bar to a transcript: which messages hold the words, and the way from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor, QTextDocument
from PySide6.QtWidgets import QTextEdit

from desktop.theme.colours import current
from desktop.widgets.chat.answer import Answer
from desktop.widgets.chat.find_bar import FindBar
from desktop.widgets.chat.text_view import TextView
from desktop.widgets.chat.transcript import MessageView, Transcript
from engine.chat.conversation import Message

_MOST_MARKS = 500  # in one message: more of them say nothing


class Finding(QObject):
    """``messages`` returns what the transcript shows. The search begins at the end, where a reader is."""

    def __init__(self, bar: FindBar, transcript: Transcript, messages: Callable[[], Sequence[Message]]) -> None:
        super().__init__(bar)
        self._bar = bar
        self._transcript = transcript
        self._messages = messages
        self._found: list[int] = []
        self._at = 0
        self._typing = QTimer(self, singleShot=True, interval=100)
        self._typing.timeout.connect(self._on_typed)
        bar.changed.connect(self._on_changed)
        bar.stepped.connect(self._on_stepped)
        bar.left.connect(self._unmark)
        transcript.views_changed.connect(self._mark)

    def show_hit(self, view: MessageView, words: Sequence[str]) -> None:
        """Mark words that a search found in a message, and scroll to the first; in its thoughts if they are there."""
        self._unmark()
        text: TextView = view.view
        if not _marks(text, *words) and isinstance(view, Answer) and view.thinking:
            view.thinking.button.setChecked(True)
            text = view.thinking.view
        marks = _marks(text, *words)
        text.setExtraSelections(marks)
        if marks:
            self._transcript.ensure_seen(text, text.cursorRect(marks[0].cursor).top())  # type: ignore[attr-defined]

    @Slot()
    def _on_changed(self) -> None:
        self._typing.start()

    @Slot()
    def _on_typed(self) -> None:
        words = self._bar.field.text().casefold()
        messages = self._messages() if words else ()
        self._found = [at for at, message in enumerate(messages) if words in message.content.casefold()]
        self._at = len(self._found) - 1
        self._go()

    @Slot(int)
    def _on_stepped(self, step: int) -> None:
        if self._found:
            self._at = (self._at + step) % len(self._found)
            self._go()

    def _go(self) -> None:
        self._bar.show_found(self._at + 1, len(self._found))
        if self._found and self._found[self._at] < len(self._transcript):
            view = self._transcript.bring(self._found[self._at]).view
            self._mark()
            if marks := view.extraSelections():
                top = view.cursorRect(marks[0].cursor).top()  # type: ignore[attr-defined]
                self._transcript.ensure_seen(view, top)
        else:
            self._mark()

    @Slot()
    def _mark(self) -> None:
        """Colour the words in the messages that have widgets now."""
        if self._bar.isVisible():
            for _, view in self._transcript.shown:
                view.view.setExtraSelections(_marks(view.view, self._bar.field.text()))

    @Slot()
    def _unmark(self) -> None:
        self._typing.stop()
        self._found = []
        for _, view in self._transcript.shown:
            view.view.setExtraSelections([])
            if isinstance(view, Answer) and view.thinking:
                view.thinking.view.setExtraSelections([])


def _marks(view: TextView, *words: str) -> list[QTextEdit.ExtraSelection]:
    """Return marks for each place of each of the words, in the order of the text."""
    marks = [mark for each in words for mark in _marks_of(view, each)]
    return sorted(marks, key=lambda mark: mark.cursor.position())  # type: ignore[attr-defined]


def _marks_of(view: TextView, words: str) -> list[QTextEdit.ExtraSelection]:
    colour = QTextCharFormat()
    colour.setBackground(QColor(current().warning_soft))
    colour.setForeground(QColor(current().warning))
    marks: list[QTextEdit.ExtraSelection] = []
    document: QTextDocument = view.document()
    cursor = document.find(words) if words else QTextCursor()
    while not cursor.isNull() and len(marks) < _MOST_MARKS:
        mark = QTextEdit.ExtraSelection()
        mark.cursor, mark.format = cursor, colour  # type: ignore[attr-defined]
        marks.append(mark)
        cursor = document.find(words, cursor)
    return marks
