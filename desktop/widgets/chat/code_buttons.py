"""The buttons that lie on blocks of code: real buttons, so that the keyboard and a screen reader find them."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QTextEdit, QToolButton, QWidget

from desktop.language import tr
from desktop.theme.icons import icon
from desktop.widgets.chat.announcer import announce
from desktop.widgets.chat.lines import Box
from desktop.widgets.chat.writer import LineWriter
from desktop.widgets.controls import icon_button

_INSET = 3
_DONE_MS = 1500  # how long a button says that it has copied


class _Pair(NamedTuple):
    """From left to right."""

    save: QToolButton
    copy: QToolButton


class CodeButtons(QObject):
    """Keep two buttons on each block of code that ``writer`` has written into ``view``: copy it, save it.

    ``save_wanted`` carries (code, language).
    """

    save_wanted = Signal(str, str)

    def __init__(self, view: QTextEdit, writer: LineWriter) -> None:
        super().__init__(view)
        self._pairs: list[_Pair] = []
        self._view = view
        self._writer = writer

    @property
    def buttons(self) -> list[QToolButton]:
        """All of them, in the order of the Tab key: copying is what is mostly wanted."""
        return [button for pair in self._pairs for button in reversed(pair)]

    def place(self) -> None:
        """Put the buttons where the blocks are now."""
        boxes = list(self._writer.frames("code"))
        while len(self._pairs) > len(boxes):
            for button in self._pairs.pop():
                button.deleteLater()
        layout = self._view.document().documentLayout()
        for index, (box, frame) in enumerate(boxes):
            pair = self._pairs[index] if index < len(self._pairs) else self._make_pair()
            _name(pair, box)
            area = layout.frameBoundingRect(frame)
            left, top = area.right(), round(area.top() + frame.frameFormat().topMargin() + _INSET)
            for button in reversed(pair):
                left -= button.width() + _INSET
                button.move(round(left), top)

    def _make_pair(self) -> _Pair:
        last = self._pairs[-1].save if self._pairs else self._view
        pair = _Pair(self._make("download", self.tr("Save code…")), self._make("copy", self.tr("Copy code")))
        pair.save.clicked.connect(self._on_save)
        pair.copy.clicked.connect(self._on_copy)
        QWidget.setTabOrder(last, pair.copy)
        QWidget.setTabOrder(pair.copy, pair.save)
        self._pairs.append(pair)
        return pair

    def _make(self, icon_name: str, name: str) -> QToolButton:
        button = icon_button(icon_name, name)
        button.setParent(self._view.viewport())
        button.setCursor(Qt.CursorShape.ArrowCursor)
        button.adjustSize()
        button.show()
        return button

    @Slot()
    def _on_copy(self) -> None:
        button = self.sender()
        assert isinstance(button, QToolButton)
        QGuiApplication.clipboard().setText(self._writer.code(self._box_of(button)))
        button.setIcon(icon("check", "good"))
        announce(button, self.tr("Copied"))
        QTimer.singleShot(_DONE_MS, button, lambda: button.setIcon(icon("copy")))

    @Slot()
    def _on_save(self) -> None:
        button = self.sender()
        assert isinstance(button, QToolButton)
        box = self._box_of(button)
        self.save_wanted.emit(self._writer.code(box), box.language)

    def _box_of(self, button: QToolButton) -> Box:
        return next(box for box, _ in self._writer.frames("code") if box.number == button.property("box"))


def _name(pair: _Pair, box: Box) -> None:
    if pair.copy.property("box") == box.number and pair.copy.property("language") == box.language:
        return
    for button in pair:
        button.setProperty("box", box.number)
        button.setProperty("language", box.language)
    if box.language:
        pair.copy.setAccessibleName(tr("Copy {language} code").format(language=box.language))
        pair.save.setAccessibleName(tr("Save {language} code…").format(language=box.language))
    else:
        pair.copy.setAccessibleName(tr("Copy code"))
        pair.save.setAccessibleName(tr("Save code…"))
