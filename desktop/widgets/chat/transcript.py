"""The messages of a conversation, one below the other, following the newest while the reader is there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.chat.answer import Answer
from desktop.widgets.chat.question import Question
from desktop.widgets.controls import button, restyle

_NEAR = 24  # pixels from the end that still count as being there


class Transcript(QScrollArea):
    """Scroll through messages. It follows the end as long as the reader does not scroll away from it.

    ``latest_wanted`` comes when the reader asked to go back there.
    """

    latest_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Conversation")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.messages: list[Question | Answer] = []
        self._following = True
        self._column = QVBoxLayout()
        self._column.setSpacing(scale.L)
        self.setWidget(self._content())
        self.latest = self._make_latest()
        bar = self.verticalScrollBar()
        bar.setSingleStep(scale.XXL)
        bar.rangeChanged.connect(self._on_range)
        bar.valueChanged.connect(self._on_moved)

    def add(self, message: Question | Answer) -> None:
        self.messages.append(message)
        self._column.insertWidget(len(self.messages) - 1, message)

    def remove(self, message: Question | Answer) -> None:
        self.messages.remove(message)
        self._column.removeWidget(message)
        message.hide()
        message.deleteLater()

    def clear(self) -> None:
        for message in tuple(self.messages):
            self.remove(message)
        self._following = True
        self._show_latest()

    @Slot()
    def follow(self) -> None:
        """Go to the end and stay there."""
        self._following = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._show_latest()

    @Slot(int)
    def turn_page(self, pages: int) -> None:
        """Scroll by most of what is seen: up if negative."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + pages * (self.viewport().height() - scale.XXL))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_latest()

    @Slot()
    def _on_latest(self) -> None:
        self.latest.clearFocus()  # as it hides, the focus would go to some message, and the view to that
        self.follow()
        self.latest_wanted.emit()

    @Slot()
    def _on_range(self) -> None:
        bar = self.verticalScrollBar()
        if self._following:
            bar.setValue(bar.maximum())
        self._show_latest()

    @Slot(int)
    def _on_moved(self, value: int) -> None:
        self._following = value >= self.verticalScrollBar().maximum() - _NEAR
        self._show_latest()

    def _content(self) -> QWidget:
        content, middle = _Ground(), QWidget()
        middle.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        middle.setMaximumWidth(scale.READING_WIDTH)
        inner = QVBoxLayout(middle)
        inner.setContentsMargins(scale.XL, scale.L, scale.XL, scale.XL)
        inner.addLayout(self._column)
        inner.addStretch(1)
        across = QHBoxLayout(content)
        across.setContentsMargins(0, 0, 0, 0)
        across.addStretch(1)
        across.addWidget(middle, 1000)
        across.addStretch(1)
        return content

    def _make_latest(self) -> QPushButton:
        latest = button("Jump to latest", "", "chevron-down")
        latest.setParent(self)
        restyle(latest, role="float")
        latest.clicked.connect(self._on_latest)
        latest.hide()
        return latest

    def _show_latest(self) -> None:
        if self.latest.isVisibleTo(self) == self._following:
            self.latest.setVisible(not self._following)
            self._place_latest()

    def _place_latest(self) -> None:
        self.latest.adjustSize()
        left = (self.viewport().width() - self.latest.width()) // 2
        self.latest.move(left, self.height() - self.latest.height() - scale.M)


class _Ground(QWidget):
    """Paint the page's ground: what covers all below it is moved when it scrolls, and not drawn anew."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(event.rect(), self.palette().window())
