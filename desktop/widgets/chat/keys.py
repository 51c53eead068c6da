"""The keys of the chat page, in one table: what the help shows, and what the page's shortcuts are made of."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.controls import add, button, label, row

NEW, SEARCH, FIND, PANEL = "Ctrl+N", "Ctrl+K", "Ctrl+F", "Ctrl+B"
COPY, AGAIN, STOP = "Ctrl+Shift+C", "Ctrl+R", "Escape"
STEER, PROMPT, TWO, HELP = "Ctrl+Shift+M", "Ctrl+Shift+P", "Ctrl+Shift+D", "F1"
ALSO = {SEARCH: "Ctrl+Shift+F", HELP: "Ctrl+/"}  # what other programs have for the same

KEYS: tuple[tuple[str, str], ...] = (
    ("Return", QT_TR_NOOP("Send the question")),
    ("Shift+Return", QT_TR_NOOP("Begin a new line")),
    (STOP, QT_TR_NOOP("Stop the answer")),
    ("Up", QT_TR_NOOP("In an empty field: edit the last question")),
    ("PgUp", QT_TR_NOOP("Scroll the conversation, with Page Down as well")),
    (COPY, QT_TR_NOOP("Copy the latest answer")),
    (AGAIN, QT_TR_NOOP("Answer the last question again")),
    (NEW, QT_TR_NOOP("New conversation")),
    (SEARCH, QT_TR_NOOP("Search all conversations")),
    (FIND, QT_TR_NOOP("Find in this conversation")),
    (PANEL, QT_TR_NOOP("Show or hide the conversations")),
    ("Menu", QT_TR_NOOP("In the list of conversations: all that can be done with one")),
    ("F2", QT_TR_NOOP("In the list of conversations: rename")),
    ("Delete", QT_TR_NOOP("In the list of conversations: delete")),
    ("Alt+M", QT_TR_NOOP("Choose a model")),
    (STEER, QT_TR_NOOP("Model settings")),
    (PROMPT, QT_TR_NOOP("System prompt")),
    (TWO, QT_TR_NOOP("Two models side by side")),
    (HELP, QT_TR_NOOP("This list")),
)


def words_of(keys: str) -> str:
    """Return keys as the system writes them; on macOS “⌘N”."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def _table() -> QGridLayout:
    """Return each key with what it does; a screen reader reads both as one."""
    grid = QGridLayout()
    grid.setHorizontalSpacing(scale.L)
    grid.setVerticalSpacing(scale.XS)
    grid.setColumnStretch(1, 1)
    for line, (keys, words) in enumerate(KEYS):
        does = label(tr(words))
        does.setAccessibleName(f"{words_of(keys)}: {does.text()}")
        grid.addWidget(label(words_of(keys), "muted"), line, 0)
        grid.addWidget(does, line, 1)
    return grid


class KeysDialog(QDialog):
    """Open it with ``open()``."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard"))
        shut = button(self.tr("Close"), "primary")
        shut.clicked.connect(self.accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [label(self.tr("Keyboard"), "heading"), _table(), None, row(None, shut)])
        shut.setFocus()
