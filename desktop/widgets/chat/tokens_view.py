"""An answer token by token, each on a ground that tells how likely it was; the likeliest others of the chosen one."""

from __future__ import annotations

import html
import math
from bisect import bisect_right
from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QListWidget, QTextEdit, QToolTip, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import percent
from desktop.theme.colours import current
from desktop.widgets.controls import column, label
from engine.events import Odds

_LIKELY, _POSSIBLE = 0.8, 0.3
_STEPS: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_LINES, _OTHERS = 7, 6
_HELP = QT_TR_NOOP(
    "Green: likely (80 % and more). Yellow: possible (30 % and more). Red: unlikely. Left and Right go token by token."
)
_VISIBLE = str.maketrans({"\n": "⏎", "\t": "⇥"})


class TokensText(QTextEdit):
    """The text; ``picked`` tells the number of the token that the cursor is in."""

    picked = Signal(int)

    def __init__(self, odds: Sequence[Odds]) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setAccessibleName(self.tr("Tokens of the answer"))
        flags = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        self.setTextInteractionFlags(flags)
        self._odds = odds
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._show(odds)
        self.setFixedHeight(self.fontMetrics().lineSpacing() * _LINES + 24)
        self.cursorPositionChanged.connect(self._on_moved)

    @property
    def token(self) -> int:
        """The number of the token that the cursor is in."""
        return self._token_at(self.textCursor().position())

    def go_to(self, token: int) -> None:
        cursor = self.textCursor()
        cursor.setPosition(self._starts[token])
        self.setTextCursor(cursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(event.key())
        if step and not event.modifiers():
            self.go_to(min(max(self.token + step, 0), len(self._starts) - 1))
        else:
            super().keyPressEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            odds = self._odds[self._token_at(self.cursorForPosition(event.pos()).position())]
            words = "\n".join(odds_words(text, logprob) for text, logprob in odds.top)
            QToolTip.showText(event.globalPos(), html.escape(words).replace("\n", "<br>"), self)
            return True
        return super().viewportEvent(event)

    def _token_at(self, position: int) -> int:
        return max(bisect_right(self._starts, position) - 1, 0)

    def _show(self, odds: Sequence[Odds]) -> None:
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()
        grounds = {colour: _ground(colour) for colour in _colours()}
        for one in odds:
            self._starts.append(cursor.position())
            cursor.insertText(one.text, grounds[_colour(one)])
            self._ends.append(cursor.position())
        cursor.endEditBlock()
        cursor.movePosition(QTextCursor.MoveOperation.Start)
        self.setTextCursor(cursor)

    @Slot()
    def _on_moved(self) -> None:
        """Mark the token, besides telling it."""
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._starts[self.token])
        cursor.setPosition(self._ends[self.token], QTextCursor.MoveMode.KeepAnchor)
        mark = QTextEdit.ExtraSelection()
        mark.cursor = cursor  # type: ignore[attr-defined]
        mark.format.setBackground(QColor(current().accent))  # type: ignore[attr-defined]
        mark.format.setForeground(QColor(current().on_accent))  # type: ignore[attr-defined]
        self.setExtraSelections([mark])
        self.picked.emit(self.token)


class TokensView(QWidget):
    """The text with the alternatives of the chosen token below it."""

    def __init__(self, odds: Sequence[Odds]) -> None:
        super().__init__()
        self._odds = odds
        self.text = TokensText(odds)
        self.chosen = label("", "strong", wraps=True)
        self.others = QListWidget()
        self.others.setAccessibleName(self.tr("Likeliest tokens at this place"))
        self.others.setFixedHeight(self.others.fontMetrics().lineSpacing() * 2 * _OTHERS)
        self.setLayout(column(self.text, label(tr(_HELP), "caption", wraps=True), self.chosen, self.others))
        self.text.picked.connect(self.show_token)
        self.show_token(0)

    @Slot(int)
    def show_token(self, number: int) -> None:
        odds = self._odds[number]
        self.chosen.setText(
            self.tr("Token {number} of {count}: {token}").format(
                number=number + 1, count=len(self._odds), token=odds_words(odds.text, odds.logprob)
            )
        )
        self.text.setAccessibleDescription(self.chosen.text())
        self.others.clear()
        self.others.addItems([odds_words(text, logprob) for text, logprob in odds.top])


def odds_words(text: str, logprob: float) -> str:
    """Return “73.1 %  “ Paris””, with what cannot be seen made visible."""
    return f"{percent(math.exp(logprob), 1)}  “{text.translate(_VISIBLE)}”"


def _colours() -> tuple[str, str, str]:
    colours = current()
    return colours.good_soft, colours.warning_soft, colours.bad_soft


def _colour(odds: Odds) -> str:
    likely, possible, unlikely = _colours()
    share = math.exp(odds.logprob)
    return likely if share >= _LIKELY else possible if share >= _POSSIBLE else unlikely


def _ground(colour: str) -> QTextCharFormat:
    made = QTextCharFormat()
    made.setBackground(QColor(colour))
    return made
