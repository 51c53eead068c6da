"""What a reasoning model writes before its answer: apart, closed until somebody wants to read it, with its time."""

from __future__ import annotations

from time import monotonic

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QWidget

from desktop.theme import scale
from desktop.widgets.chat.disclosure import Disclosure
from desktop.widgets.chat.markdown_view import MarkdownView
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.words import thinking_words
from desktop.widgets.controls import fill, frame

_TICK_MS = 500


class Thinking(Disclosure):
    """Nothing is drawn while it is closed: what has come meanwhile is drawn when it opens."""

    def __init__(self, press: Press, parent: QWidget | None = None) -> None:
        self.view = MarkdownView(press, self.tr("Thoughts"))
        well = frame("well", margins=scale.S)
        fill(well, self.view)
        super().__init__(thinking_words(0, True), well, parent)
        self._text: list[str] = []
        self._began_s = monotonic()
        self._before_s = 0.0  # what was thought before the present thoughts
        self._shown = 0
        self._tick = QTimer(self, interval=_TICK_MS)
        self._tick.timeout.connect(self._on_tick)
        self.opened.connect(self._draw)

    @property
    def whole_text(self) -> str:
        return "".join(self._text)

    def append(self, text: str) -> None:
        if not self._tick.isActive():
            self._began_s = monotonic() - self._before_s
            self._tick.start()
        self._text.append(text)
        if self.is_open:
            self._draw()

    def end(self) -> None:
        """Say that the answer proper begins, or nothing more comes."""
        if self._tick.isActive():
            self._tick.stop()
            self._before_s = monotonic() - self._began_s
            self.set_title(thinking_words(self._before_s, False))
            if self.is_open:
                self.view.finish()

    def show_text(self, text: str, thought_s: float | None = None) -> None:
        """Show thoughts of an earlier time; ``None``: nobody knows how long they took."""
        self._text, self._before_s = [text], thought_s or 0.0
        self.set_title(thinking_words(thought_s, False))

    @Slot()
    def _draw(self) -> None:
        self.view.append("".join(self._text[self._shown :]))
        self._shown = len(self._text)
        if not self._tick.isActive():
            self.view.finish()

    @Slot()
    def _on_tick(self) -> None:
        self.set_title(thinking_words(monotonic() - self._began_s, True))
