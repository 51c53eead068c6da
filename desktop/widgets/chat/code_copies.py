"""The copy buttons that lie on blocks of code: real buttons, so that the keyboard and a screen reader find them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Slot
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


class CodeCopies(QObject):
    """Keep one button on each block of code that ``writer`` has written into ``view``."""

    def __init__(self, view: QTextEdit, writer: LineWriter) -> None:
        super().__init__(view)
        self.buttons: list[QToolButton] = []
        self._view = view
        self._writer = writer

    def place(self) -> None:
        """Put the buttons where the blocks are now."""
        boxes = list(self._writer.frames("code"))
        while len(self.buttons) > len(boxes):
            self.buttons.pop().deleteLater()
        layout = self._view.document().documentLayout()
        for index, (box, frame) in enumerate(boxes):
            button = self.buttons[index] if index < len(self.buttons) else self._make()
            _name(button, box)
            area = layout.frameBoundingRect(frame)
            top = area.top() + frame.frameFormat().topMargin() + _INSET
            button.move(round(area.right()) - button.width() - _INSET, round(top))

    def _make(self) -> QToolButton:
        button = icon_button("copy", self.tr("Copy code"))
        button.setParent(self._view.viewport())
        button.setCursor(Qt.CursorShape.ArrowCursor)
        button.clicked.connect(self._on_copy)
        button.adjustSize()
        button.show()
        QWidget.setTabOrder(self.buttons[-1] if self.buttons else self._view, button)
        self.buttons.append(button)
        return button

    @Slot()
    def _on_copy(self) -> None:
        button = self.sender()
        assert isinstance(button, QToolButton)
        box = next(box for box, _ in self._writer.frames("code") if box.number == button.property("box"))
        QGuiApplication.clipboard().setText(self._writer.code(box))
        button.setIcon(icon("check", "good"))
        announce(button, self.tr("Copied"))
        QTimer.singleShot(_DONE_MS, button, lambda: button.setIcon(icon("copy")))


def _name(button: QToolButton, box: Box) -> None:
    if button.property("box") != box.number or button.property("language") != box.language:
        button.setProperty("box", box.number)
        button.setProperty("language", box.language)
        named = tr("Copy {language} code").format(language=box.language)
        button.setAccessibleName(named if box.language else tr("Copy code"))
        button.setToolTip(tr("Copy code"))
