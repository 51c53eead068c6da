"""The messages of a conversation, one below the other, following the newest while the reader is there.

Only messages on the screen and near it have widgets: a conversation of thousands opens at once. The others are as high
as they probably will be, and what the reader looks at stays in its place when they turn out to be higher or lower.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QWidget

from desktop.theme import scale
from desktop.widgets.chat.answer import Answer
from desktop.widgets.chat.heights import Heights
from desktop.widgets.chat.question import Question
from desktop.widgets.controls import button, restyle
from engine.chat.conversation import Message

MessageView = Question | Answer

_NEAR = 24  # pixels from the end that still count as being there
_BUILT = 1.0  # screens above and below this one that have widgets
_KEPT = 3.0  # beyond so many they lose them again
_NEWEST = 2  # messages that always have widgets: what is talked about
_AROUND_TEXT = 70  # pixels of a message besides its text


@dataclass(slots=True)
class _Place:
    """A message without a value is one that still grows; it has a widget as long as it does."""

    message: Message | None
    view: MessageView | None


@dataclass(frozen=True, slots=True)
class _Anchor:
    """What the reader looks at: a message, and how far above the screen's top it begins."""

    index: int
    above: int


class Transcript(QScrollArea):
    """Scroll through messages. It follows the end as long as the reader does not scroll away from it.

    ``make`` returns the widget of a message. ``latest_wanted`` comes when the reader asked to go to the end,
    ``views_changed`` when other messages than before have widgets.
    """

    latest_wanted = Signal()
    views_changed = Signal()

    def __init__(self, make: Callable[[Message], MessageView], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Conversation"))
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._make = make
        self._places: list[_Place] = []
        self._heights = Heights(scale.L)
        self._following = True
        self._arranging = False
        self._column = _Column()
        self.setWidget(self._column)
        self.latest = self._make_latest()
        bar = self.verticalScrollBar()
        bar.setSingleStep(scale.XXL)
        bar.valueChanged.connect(self._on_moved)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def views(self) -> list[MessageView]:
        """The widgets that there are, from top to bottom."""
        return [place.view for place in self._places if place.view]

    @property
    def shown(self) -> list[tuple[int, MessageView]]:
        """Which messages have widgets, and theirs."""
        return [(at, place.view) for at, place in enumerate(self._places) if place.view]

    def view(self, index: int) -> MessageView | None:
        """Return the widget of a message, if it has one now."""
        return self._places[index].view

    def show_messages(self, messages: Sequence[Message]) -> None:
        """Show a conversation from its end."""
        self.clear()
        self._places = [_Place(message, None) for message in messages]
        self._heights.replace(map(self._estimate, messages))
        self._arrange()

    def add(self, view: MessageView, message: Message | None = None) -> None:
        """Add a widget at the end; without a message it grows until :meth:`settle`."""
        self._places.append(_Place(message, view))
        self._heights.append(0)
        self._adopt(view)
        self._arrange()
        self.views_changed.emit()

    def settle(self, view: MessageView, message: Message) -> None:
        """Say what a growing message has become."""
        self._places[self.index(view)].message = message

    def remove(self, view: MessageView) -> None:
        index = self.index(view)
        self._drop(self._places[index])
        del self._places[index]
        self._heights.remove(index)
        self._arrange()
        self.views_changed.emit()

    def cut(self, index: int) -> None:
        """Take a message and all below it away."""
        for place in self._places[index:]:
            self._drop(place)
        for at in range(len(self._places) - 1, index - 1, -1):
            del self._places[at]
            self._heights.remove(at)
        self._arrange()
        self.views_changed.emit()

    def clear(self) -> None:
        for place in self._places:
            self._drop(place)
        self._places = []
        self._heights.replace(())
        self._following = True
        self._arrange()

    def index(self, view: QWidget) -> int:
        """Return which message a widget shows."""
        return next(at for at, place in enumerate(self._places) if place.view is view)

    @Slot()
    def follow(self) -> None:
        """Go to the end and stay there."""
        self._following = True
        self._arrange()

    def bring(self, index: int) -> MessageView:
        """Scroll to a message and return its widget."""
        self._following = False
        self._arrange(_Anchor(index, -scale.L))
        view = self._places[index].view
        assert view is not None
        return view

    def ensure_seen(self, view: QWidget, top: int) -> None:
        """Scroll so that a line of a message, so far below its text's top, is on the screen."""
        bar = self.verticalScrollBar()
        place = view.mapTo(self._column, QPoint(0, top)).y()
        if not bar.value() <= place < bar.value() + self.viewport().height() - scale.XXL:
            bar.setValue(place - self.viewport().height() // 3)

    @Slot(int)
    def turn_page(self, pages: int) -> None:
        """Scroll by most of what is seen: up if negative."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + pages * (self.viewport().height() - scale.XXL))

    def resizeEvent(self, event: QResizeEvent) -> None:
        anchor = self._anchor()
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._estimate_anew()
        self._arrange(anchor)
        self._place_latest()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "_heights"):
            anchor = self._anchor()
            self._estimate_anew()
            self._arrange(anchor)

    # Arranging

    @Slot()
    def _arrange(self, anchor: _Anchor | None = None) -> None:
        """Give widgets to what is near, and put everything in its place without moving what the reader looks at."""
        if self._arranging:
            return
        self._arranging = True
        try:
            anchor = anchor or self._anchor()
            changed = False
            for _ in range(3):  # heights that become known bring other messages near
                self._measure()
                self._move_to(anchor)
                fresh = self._build()
                changed |= fresh
                if not fresh:
                    break
            changed |= self._drop_far()
            self._place_views()
        finally:
            self._arranging = False
        self._show_latest()
        if changed:
            self.views_changed.emit()

    def _anchor(self) -> _Anchor | None:
        """Return what the reader looks at; ``None`` for one who follows the end."""
        if self._following or not self._places:
            return None
        value = self.verticalScrollBar().value() - scale.L
        index = self._heights.at(value)
        return _Anchor(index, value - self._heights.top(index))

    def _move_to(self, anchor: _Anchor | None) -> None:
        """Size the column, and scroll so that the anchor is where it was, or to the end without one."""
        height = max(self._heights.total + scale.L + scale.XL, self.viewport().height())
        self._column.resize(self.viewport().width(), height)
        bar = self.verticalScrollBar()
        if anchor is None:
            bar.setValue(bar.maximum())
        else:
            bar.setValue(self._heights.top(anchor.index) + scale.L + anchor.above)

    def _build(self) -> bool:
        """Give a widget to each message near the screen; return whether one was without."""
        missing = [self._places[at] for at in self._near(_BUILT) if self._places[at].view is None]
        for place in missing:
            assert place.message is not None
            place.view = view = self._make(place.message)
            self._adopt(view)
        return bool(missing)

    def _adopt(self, view: MessageView) -> None:
        view.setParent(self._column)
        view.setGeometry(*self._across(), 0)
        view.installEventFilter(self)
        view.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._arrange()  # before a message that wants to be higher is painted too low
        return super().eventFilter(watched, event)

    def _drop_far(self) -> bool:
        near = set(self._near(_KEPT))
        far = [place for at, place in enumerate(self._places) if place.view and at not in near]
        dropped = [place for place in far if place.message is not None and not _in_use(place.view)]
        for place in dropped:
            self._drop(place)
        return bool(dropped)

    def _drop(self, place: _Place) -> None:
        if place.view:
            place.view.hide()
            place.view.deleteLater()
            place.view = None

    def _near(self, screens: float) -> Iterator[int]:
        """Yield the messages that lie within so many screens of this one, and the newest."""
        if not self._places:
            return
        count, height = len(self._places), self.viewport().height()
        top = self.verticalScrollBar().value() - scale.L
        first = self._heights.at(round(top - screens * height))
        last = self._heights.at(round(top + (1 + screens) * height))
        yield from range(first, last + 1)
        yield from range(max(last + 1, count - _NEWEST), count)

    def _measure(self) -> None:
        """Take the widgets' heights at the present width."""
        left, width = self._across()[0], self._across()[2]
        for at, place in enumerate(self._places):
            if place.view:
                if place.view.width() != width:
                    place.view.setGeometry(left, place.view.y(), width, place.view.height())
                self._heights.set(at, _height(place.view))

    def _place_views(self) -> None:
        left, _, width = self._across()
        for at, place in enumerate(self._places):
            if place.view:
                area = QRect(left, scale.L + self._heights.top(at), width, self._heights[at])
                if place.view.geometry() != area:
                    place.view.setGeometry(area)

    def _across(self) -> tuple[int, int, int]:
        """Return the left edge, a top of 0 and the width of all messages."""
        room = self.viewport().width()
        width = max(1, min(room, scale.READING_WIDTH) - 2 * scale.XL)
        return (room - width) // 2, 0, width

    def _estimate(self, message: Message) -> int:
        metrics = QFontMetrics(self.font())
        in_line = max(1, self._across()[2] // max(1, metrics.averageCharWidth()))
        lines = message.content.count("\n") + len(message.content) // in_line + 1
        return round(lines * metrics.lineSpacing() * 1.25) + _AROUND_TEXT

    def _estimate_anew(self) -> None:
        for at, place in enumerate(self._places):
            if place.view is None and place.message is not None:
                self._heights.set(at, self._estimate(place.message))

    # The way to the end

    @Slot()
    def _on_latest(self) -> None:
        self.latest.clearFocus()  # as it hides, the focus would go to some message, and the view to that
        self.follow()
        self.latest_wanted.emit()

    @Slot(int)
    def _on_moved(self, value: int) -> None:
        if self._arranging:
            return
        self._following = value >= self.verticalScrollBar().maximum() - _NEAR
        self._arrange()

    def _make_latest(self) -> QPushButton:
        latest = button(self.tr("Jump to latest"), "", "chevron-down")
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


class _Column(QWidget):
    """Paint the page's ground: what covers all below it is moved when it scrolls, not drawn anew."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(event.rect(), self.palette().window())


def _height(view: QWidget) -> int:
    if layout := view.layout():
        layout.activate()
    return view.heightForWidth(view.width()) if view.hasHeightForWidth() else view.sizeHint().height()


def _in_use(view: QWidget | None) -> bool:
    """Tell whether somebody reads a message with the keyboard or a screen reader."""
    return view is not None and (view.hasFocus() or any(child.hasFocus() for child in view.findChildren(QWidget)))
