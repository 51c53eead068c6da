"""One message's Markdown, growing while it is streamed."""

from __future__ import annotations

import math
from time import perf_counter

from PySide6.QtCore import QEvent, QMimeData, QRectF, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from desktop.theme.colours import current
from desktop.theme.fonts import fixed_font
from desktop.widgets.chat.code_buttons import CodeButtons
from desktop.widgets.chat.look import Look
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.stream import Change, MarkdownStream
from desktop.widgets.chat.text_view import TextView
from desktop.widgets.chat.writer import PICTURE, LineWriter

SOONEST_MS = 33  # two frames of a 60 Hz screen
COSTS = 3  # the next update comes after so many times what the last one took, so that the thread is free in between
_BAR = 3


class MarkdownView(TextView):
    """Show Markdown, all at once or piece by piece. ``save_wanted`` carries a block of code and its language."""

    save_wanted = Signal(str, str)

    def __init__(self, press: Press, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self._press = press
        press.language_loaded.connect(self._on_language)
        press.formulas_drawn.connect(self._on_formulas)
        self._stream = MarkdownStream(press.highlighter)
        self._look = self._current_look()
        self._writer = LineWriter(self.document(), self._look)
        self.code_buttons = CodeButtons(self, self._writer)
        self.code_buttons.save_wanted.connect(self.save_wanted)
        self._waiting: list[str] = []
        self._ending = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._update)
        self.fit()

    @property
    def whole_text(self) -> str:
        return self._stream.text + "".join(self._waiting)

    @property
    def is_behind(self) -> bool:
        """Whether there is text that is not drawn yet."""
        return bool(self._waiting) or self._ending

    def append(self, text: str) -> None:
        """Add text; it is drawn at once, or a little later where the last update was just now."""
        self._waiting.append(text)
        if not self._timer.isActive():
            self._update()

    def finish(self) -> None:
        """Say that no more text comes."""
        self._ending = True
        if not self._timer.isActive():
            self._update()

    def show_text(self, text: str) -> None:
        """Show a whole text in place of what there was."""
        self._timer.stop()
        self._waiting.clear()
        self._stream = MarkdownStream(self._press.highlighter)
        self._stream.feed(text)
        self._apply(self._stream.all())

    def createMimeDataFromSelection(self) -> QMimeData:
        """Return the selected text, with the source of each formula in place of its picture."""
        data = super().createMimeDataFromSelection()
        cursor = self.textCursor()
        if PICTURE in cursor.selection().toRawText():
            data = QMimeData()
            data.setText(self._writer.text(cursor.selectionStart(), cursor.selectionEnd()))
        return data

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.code_buttons.place()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange) and hasattr(self, "_look"):
            self._restyle_if_seen()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self._paint_bars()
        if self._is_stale:
            QTimer.singleShot(0, self, self._restyle_if_seen)

    @property
    def _is_stale(self) -> bool:
        return self._look.colours != current() or self._look.font != self.font()

    def _current_look(self) -> Look:
        return Look(current(), self.font(), fixed_font(), self._press.formulas)

    @Slot(object)
    def _on_language(self, language: str) -> None:
        for box in [box for box, _ in self._writer.frames("code") if box.language.lower() == language]:
            self._writer.recolour(box, self._press.highlighter(self._writer.code(box), language))

    @Slot()
    def _on_formulas(self) -> None:
        self._writer.draw_formulas()
        self.code_buttons.place()

    @Slot()
    def _restyle_if_seen(self) -> None:
        """Take on the theme in force; what is not on the screen does so when it comes there."""
        if self._is_stale and not self.visibleRegion().isEmpty():
            self._look = self._current_look()
            self._writer.restyle(self._look)
            self.code_buttons.place()

    @Slot()
    def _update(self) -> None:
        if not self._waiting and not self._ending:
            return
        started_s = perf_counter()
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            self._apply(self._stream.feed(text))
        else:
            self._ending = False
            self._apply(self._stream.finish())
        cost_ms = (perf_counter() - started_s) * 1000
        self._timer.start(max(SOONEST_MS, math.ceil(COSTS * cost_ms)))

    def _apply(self, change: Change) -> None:
        self._writer.change(change.start, change.lines)
        self.code_buttons.place()
        self._press.fetch()

    def _paint_bars(self) -> None:
        """Draw the bars of quotes: a frame's border has the same width on all four sides."""
        quotes = [frame for _, frame in self._writer.frames("quote")]
        if not quotes:
            return
        painter = QPainter(self.viewport())
        layout = self.document().documentLayout()
        for frame in quotes:
            area, margins = layout.frameBoundingRect(frame), frame.frameFormat()
            left = area.left() + margins.leftMargin() - self._look.quote_inset
            height = area.height() - margins.topMargin() - margins.bottomMargin()
            bar = QRectF(left, area.top() + margins.topMargin(), _BAR, height)
            painter.fillRect(bar, QColor(self._look.colours.border_strong))
        painter.end()
