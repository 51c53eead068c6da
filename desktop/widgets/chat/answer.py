"""One answer: what is read before it, its thoughts, its text, an error in it, and what it took."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from desktop.faults import Fault
from desktop.language import tr
from desktop.theme import scale
from desktop.theme.fonts import fixed_font
from desktop.widgets.chat.announcer import Sentences, announce
from desktop.widgets.chat.disclosure import Disclosure
from desktop.widgets.chat.footer_line import FooterLine
from desktop.widgets.chat.markdown_view import MarkdownView
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.thinking import Thinking
from desktop.widgets.chat.versions import Versions
from desktop.widgets.chat.words import ENDINGS, footer_words
from desktop.widgets.controls import icon_button, label, restyle
from desktop.widgets.fault_banner import FaultBanner
from desktop.widgets.progress_line import ProgressLine
from engine.chat.conversation import Message
from engine.chat.export.markdown import left_out_words
from engine.events import Progress, Token

_LOG_LINES = 8
_PROGRESS_WIDTH = 360


class Answer(QWidget):
    """Grow by :meth:`append` until :meth:`end`. ``way_chosen`` tells a fault's button.

    ``save_wanted`` carries a block of code and its language. ``again_wanted`` asks for another answer, ``more_wanted``
    for the rest of this one, ``about_wanted`` for what is known of it; ``version_wanted``: -1 or 1.
    """

    way_chosen = Signal(object)
    link_wanted = Signal(str)
    save_wanted = Signal(str, str)
    again_wanted = Signal()
    more_wanted = Signal()
    about_wanted = Signal()
    version_wanted = Signal(int)

    def __init__(self, press: Press, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._press = press
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self._sentences = Sentences()
        self.progress: ProgressLine | None = None
        self.thinking: Thinking | None = None
        self.view = MarkdownView(press, self.tr("Answer"))
        self.view.link_wanted.connect(self.link_wanted)
        self.view.save_wanted.connect(self.save_wanted)
        self.view.hide()
        self.fault: FaultBanner | None = None
        self.details: Disclosure | None = None
        self.words = FooterLine()
        self.copy = icon_button("copy", self.tr("Copy answer"))
        self.copy.clicked.connect(self.view.copy_all)
        self.again = icon_button("refresh", self.tr("Answer again"))
        self.again.clicked.connect(self.again_wanted)
        self.more = icon_button("play", self.tr("Continue the answer"))
        self.more.clicked.connect(self.more_wanted)
        self.about = icon_button("info", self.tr("About this answer"))
        self.about.clicked.connect(self.about_wanted)
        self.versions = Versions(self.tr("Earlier version of the answer"), self.tr("Later version of the answer"))
        self.versions.stepped.connect(self.version_wanted)
        self._ended: Message | None = None
        self.gap: QLabel | None = None
        self._footer = QWidget()
        self._lay_out()

    def begin(self, message: Message) -> None:
        """Wait for an answer, or for how one that broke off goes on."""
        if message.thinking:
            self._make_thinking().show_text(message.thinking, message.thinking_s)
        if message.content:
            self.append([Token(message.content)])
        if message.thinking or message.content:
            self.show_note(self.tr("Waiting for the model…"))
        else:
            self.wait()

    def wait(self) -> None:
        """Show that the answer is waited for."""
        self.progress = ProgressLine(self.tr("Waiting for the answer"))
        self.progress.setMaximumWidth(_PROGRESS_WIDTH)
        self.progress.restart(self.tr("Waiting for the model…"))
        self._body.insertWidget(0, self.progress)

    def show_progress(self, progress: Progress) -> None:
        """Show how much of the prompt is read, or of the model loaded."""
        if self.progress:
            self.progress.show_progress(progress)

    def append(self, tokens: Sequence[Token]) -> None:
        self._end_progress()
        for token in tokens:
            if token.part == "thinking":
                self._think(token.text)
            else:
                self._say(token.text)

    def show_note(self, text: str) -> None:
        """Show a line in the footer while the answer comes."""
        self.words.setText(text)
        self._footer.show()

    def end(self, message: Message) -> None:
        """Say how it ended, aloud too unless it came to its own end. A text that has come is left as it is."""
        self._settle(message)
        if message.ending != "failed":  # an error is told by :meth:`show_fault`
            self._speak([tr(ENDINGS[message.ending])] if message.ending in ENDINGS else [])

    def _settle(self, message: Message) -> None:
        self._end_progress()
        if self.thinking:
            self.thinking.end()
        self.view.finish()
        self._speak(self._sentences.end())
        self._show_gap(left_out_words(message))
        self.words.setText(footer_words(message.ending, message.usage))
        restyle(self.words, role="warning" if message.ending in ("cancelled", "failed", "context") else "caption")
        self.copy.setVisible(bool(message.content))
        self.about.setVisible(message.origin is not None)
        self._ended = message
        self._footer.show()

    def show_message(self, message: Message) -> None:
        """Show an answer of an earlier time."""
        if message.thinking:
            self._make_thinking().show_text(message.thinking, message.thinking_s)
        if message.content:
            self.view.show_text(message.content)
            self.view.show()
        self._settle(message)

    def _show_gap(self, words: str) -> None:
        """Say above the answer what the model was not shown."""
        if words and self.gap is None:
            self.gap = label(words, "caption", wraps=True)
            self._body.insertWidget(0, self.gap)

    def show_fault(self, fault: Fault) -> None:
        """Tell an error in place, with the ways on and the last lines of the log."""
        self.fault = FaultBanner()
        self.fault.chosen.connect(self.way_chosen)
        self.fault.show_fault(fault)
        self._body.addWidget(self.fault)
        if fault.details:
            self.details = Disclosure(self.tr("Details"), _log(fault.details))
            self._body.addWidget(self.details)
        announce(self, f"{fault.title}. {fault.sentence}")

    def tab_stops(self) -> list[QWidget]:
        """Return what the Tab key goes through, from top to bottom."""
        stops: list[QWidget] = []
        if self.thinking:
            stops += [self.thinking.button, self.thinking.view, *self.thinking.view.code_buttons.buttons]
        stops += [self.view, *self.view.code_buttons.buttons]
        if self.fault:
            stops += self.fault.findChildren(QAbstractButton)
        if self.details:
            stops += [self.details.button, self.details.content]
        return [*stops, *self.versions.stops, self.copy, self.again, self.more, self.about]

    def show_place(self, number: int, count: int, *, idle: bool, askable: bool, last: bool) -> None:
        """Show which version this is, and what can be done with it now; only a ``last`` one can be continued."""
        ended = self._ended
        self.versions.show_version(number, count, usable=idle)
        self.again.setVisible(bool(ended) and askable)
        self.more.setVisible(bool(ended and ended.content and not ended.complete) and askable and last)

    def clear_fault(self) -> None:
        """Take an error away, with its details: something else was asked since."""
        if self.fault:
            self.fault.clear()
        if self.details:
            self.details.hide()

    def _end_progress(self) -> None:
        if self.progress:
            self._body.removeWidget(self.progress)
            self.progress.hide()
            self.progress.deleteLater()
            self.progress = None

    def _think(self, text: str) -> None:
        (self.thinking or self._make_thinking()).append(text)

    def _say(self, text: str) -> None:
        if self.thinking:
            self.thinking.end()
        self.view.show()
        self.view.append(text)
        self._speak(self._sentences.add(text))

    def _speak(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            announce(self.view, sentence)

    def _make_thinking(self) -> Thinking:
        self.thinking = Thinking(self._press)
        self.thinking.view.link_wanted.connect(self.link_wanted)
        self.thinking.view.save_wanted.connect(self.save_wanted)
        self._body.insertWidget(self._body.indexOf(self.view), self.thinking)
        return self.thinking

    def _lay_out(self) -> None:
        footer = QHBoxLayout(self._footer)
        footer.setContentsMargins(scale.XS, 0, 0, 0)
        footer.setSpacing(scale.S)
        for part in (self.versions, self.copy, self.again, self.more, self.about):
            footer.addWidget(part)
        footer.addWidget(self.words)
        footer.addStretch(1)
        for part in (self.copy, self.again, self.more, self.about):
            part.hide()
        self._footer.hide()
        self._body = QVBoxLayout()
        self._body.setSpacing(scale.XS)
        self._body.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.XS)
        layout.addLayout(self._body)
        layout.addWidget(self._footer)


def _log(text: str) -> QPlainTextEdit:
    log = QPlainTextEdit(text)
    log.setReadOnly(True)
    log.setTabChangesFocus(True)
    log.setFont(fixed_font())
    log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
    log.setAccessibleName(tr("Details of the error"))
    log.setFixedHeight(log.fontMetrics().lineSpacing() * _LOG_LINES)
    log.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return log
