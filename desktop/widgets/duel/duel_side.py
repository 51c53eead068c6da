"""One of two answers that stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from desktop.faults import fault_of
from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.chat.live_rate import LiveRate
from desktop.widgets.chat.markdown_view import MarkdownView
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.words import footer_words, rate
from desktop.widgets.controls import add, label, restyle
from desktop.widgets.progress_line import ProgressLine
from desktop.widgets.scroll_column import ScrollColumn
from engine.chat.conversation import Message
from engine.events import Progress, Token

_THINKING = QT_TR_NOOP("Thinking…")


class DuelSide(QFrame):
    """Show an answer as it comes, under a heading that may not say yet whose it is."""

    link_wanted = Signal(str)

    def __init__(self, letter: str, press: Press) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.letter = letter
        self._press = press
        self._rate = LiveRate()
        self.heading = label(self.tr("Answer {letter}").format(letter=letter), "strong", wraps=True)
        self.progress = ProgressLine(self.tr("Waiting for answer {letter}").format(letter=letter))
        self.progress.hide()
        self.footer = label("", "caption", wraps=True)
        self.tally = label("", "caption", wraps=True)
        self.view = self._make_view()
        content = QWidget()
        content.setProperty("role", "page")
        self._inner = QVBoxLayout(content)
        self._inner.setContentsMargins(0, 0, scale.S, 0)
        self._inner.addWidget(self.view)
        self._inner.addStretch(1)
        self.column = ScrollColumn(content, self.tr("Answer {letter}").format(letter=letter))
        self.column.viewport().setAutoFillBackground(False)
        self.column.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.L, scale.M, scale.M, scale.M)
        layout.setSpacing(scale.S)
        add(layout, [self.heading, self.progress])
        layout.addWidget(self.column, 1)
        add(layout, [self.footer, self.tally])
        self.show_tally("")

    def begin(self, words: str) -> None:
        """Wait for another answer."""
        self._inner.removeWidget(self.view)
        self.view.deleteLater()
        self.view = self._make_view()
        self._inner.insertWidget(0, self.view)
        self._rate = LiveRate()
        self.show_name("")
        self.show_tally("")
        self._say("")
        self.wait(words)

    def wait(self, words: str) -> None:
        self.progress.restart(words)
        self.progress.show()

    def show_name(self, name: str) -> None:
        """Say whose answer it is; empty: that is not told yet."""
        self.heading.setText(
            f"{self.letter} · {name}" if name else self.tr("Answer {letter}").format(letter=self.letter)
        )

    def show_progress(self, progress: Progress) -> None:
        self.progress.show_progress(progress)

    def show_tokens(self, tokens: Sequence[Token]) -> None:
        self.progress.hide()
        for token in tokens:
            if token.part == "answer":
                self.view.append(token.text)
        speed = self._rate.add(tokens)
        if speed is not None:
            self._say(rate(speed))
        elif not self.view.whole_text:
            self._say(tr(_THINKING))

    def end(self, message: Message, error: Exception | None) -> None:
        """Say how it ended."""
        self.progress.hide()
        self.view.finish()
        if error:
            fault = fault_of(error)
            self._say(f"{fault.title}. {fault.sentence}".replace("..", "."), "bad")
        elif message.content:
            self._say(footer_words(message.ending, message.usage))
        else:
            self._say(self.tr("No answer."))

    def show_tally(self, words: str) -> None:
        self.tally.setText(words)
        self.tally.setVisible(bool(words))

    def _say(self, words: str, role: str = "caption") -> None:
        self.footer.setText(words)
        restyle(self.footer, role=role)

    def _make_view(self) -> MarkdownView:
        view: Any = MarkdownView(self._press, self.tr("Answer {letter}").format(letter=self.letter))
        view.link_wanted.connect(self.link_wanted)
        return view
