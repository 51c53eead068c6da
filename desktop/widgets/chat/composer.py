"""Where the person writes: Enter sends, Shift+Enter begins a line, Escape stops the answer."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.theme.icons import icon
from desktop.widgets.chat.announcer import announce
from desktop.widgets.chat.gauge import ContextGauge
from desktop.widgets.controls import button, icon_button, label, restyle

_MOST_LINES = 10
_PAGES: dict[int, int] = {Qt.Key.Key_PageUp: -1, Qt.Key.Key_PageDown: 1}


class QuestionField(QPlainTextEdit):
    """A field that grows with its lines up to a limit, and then scrolls.

    ``paged`` is for the conversation: -1 is a page up. ``back_wanted``: Up was pressed in the empty field.
    """

    sent = Signal()
    focused = Signal(bool)
    paged = Signal(int)
    back_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "bare")
        self.setPlaceholderText(self.tr("Ask something"))
        self.setAccessibleName(self.tr("Your question"))
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.sent.emit()
        elif event.key() in _PAGES:
            self.paged.emit(_PAGES[event.key()])
        elif event.key() == Qt.Key.Key_Up and self.document().isEmpty():
            self.back_wanted.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.focused.emit(False)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        lines = self.document().size().height()  # this document's layout counts lines, not pixels
        line = self.fontMetrics().lineSpacing()
        margin = 2 * (self.document().documentMargin() + self.frameWidth())
        height = math.ceil(line * min(max(lines, 1), _MOST_LINES) + margin) + 4
        if height != self.height():
            self.setFixedHeight(height)
        more = lines > _MOST_LINES
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if more else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        self.setVerticalScrollBarPolicy(policy)


class Composer(QFrame):
    """``asked`` carries a question, ``stop_wanted`` the wish to end the answer. One button does both.

    ``settings_wanted`` is the wish to see how answers are made.
    """

    asked = Signal(str)
    stop_wanted = Signal()
    settings_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "composer")
        self.field = QuestionField()
        self.field.sent.connect(self.send)
        self.field.focused.connect(self._on_focused)
        self.field.textChanged.connect(self._on_edited)
        self.deed = button(self.tr("Send"), "primary", "send")
        self.deed.clicked.connect(self._on_deed)
        self.hint = label("", "caption", wraps=True)
        self.steer = icon_button("settings", self.tr("Model settings (Ctrl+Shift+M)"))
        self.steer.clicked.connect(self.settings_wanted)
        self.gauge = ContextGauge()
        self._answering = False
        self._obstacle = ""
        self._passes = False  # whether the obstacle goes away by itself
        self._waiting = False  # for it to do so
        below = QHBoxLayout()
        below.setSpacing(scale.M)
        below.addWidget(self.hint, 1)
        below.addWidget(self.gauge)
        below.addWidget(self.steer)
        below.addWidget(self.deed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.M, scale.S, scale.S, scale.S)
        layout.setSpacing(scale.XS)
        layout.addWidget(self.field)
        layout.addLayout(below)
        self._show_state()

    @property
    def stops(self) -> list[QWidget]:
        """What the Tab key goes through."""
        return [self.field, self.gauge, self.steer, self.deed]

    def set_answering(self, answering: bool) -> None:
        """Make the button stop the answer, or send again."""
        self._answering = answering
        self.deed.setText(self.tr("Stop") if answering else self.tr("Send"))
        self.deed.setAccessibleName(self.deed.text())
        self.deed.setIcon(icon("stop" if answering else "send", "on_accent"))
        self._show_state()

    def set_obstacle(self, sentence: str, *, passes: bool = False) -> None:
        """Say why nothing can be sent now; empty: it can. If it ``passes``, what is sent meanwhile waits for it."""
        loaded = self._passes and not sentence
        self._obstacle, self._passes = sentence, passes
        waiting, self._waiting = self._waiting, self._waiting and passes
        if loaded:
            announce(self, self.tr("The model is loaded"))
        self._show_state()
        if waiting and not sentence:
            self.send()

    @Slot()
    def send(self) -> None:
        text = self.field.toPlainText().strip()
        if not text or not self.deed.isEnabled() or self._answering:
            return
        if self._obstacle:
            self._waiting = True
            self._show_state()
            return
        self.field.clear()
        self.asked.emit(text)

    @Slot()
    def _on_edited(self) -> None:
        self._waiting = False  # a question that is still being written is not asked
        self._show_state()

    @Slot(bool)
    def _on_focused(self, focused: bool) -> None:
        restyle(self, focused=focused)

    @Slot()
    def _on_deed(self) -> None:
        if self._answering:
            self.stop_wanted.emit()
        else:
            self.send()

    @Slot()
    def _show_state(self) -> None:
        written = bool(self.field.toPlainText().strip())
        free = not self._obstacle or (self._passes and not self._waiting)
        usable = self._answering or (written and free)
        if self.deed.hasFocus() and not usable:
            self.field.setFocus()  # a button that is disabled gives the focus to whatever comes next
        self.deed.setEnabled(usable)
        usual = (
            self.tr("Esc stops the answer")
            if self._answering
            else self.tr("Enter sends · Shift+Enter starts a new line")
        )
        patience = self.tr("Sent as soon as the model is loaded") if self._waiting else self._obstacle
        self.hint.setText(patience or (usual if self._has_room_for(usual) else ""))

    def _has_room_for(self, words: str) -> bool:
        """Tell whether what is only good to know has room on its one line."""
        others = (part for part in (self.gauge, self.steer, self.deed) if part.isVisibleTo(self))
        taken = sum(part.sizeHint().width() + scale.M for part in others) + scale.M + scale.S
        return self.hint.fontMetrics().horizontalAdvance(words) <= self.width() - taken

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() in (QEvent.Type.Resize, QEvent.Type.LayoutRequest):  # the gauge came, or its numbers grew
            self._show_state()
        return handled
