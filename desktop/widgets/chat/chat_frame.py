"""The widgets of the chat page, and where they lie: what happens with them is the page's business."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLayout, QStackedWidget, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.chat import keys
from desktop.widgets.chat.branch import Branch
from desktop.widgets.chat.composer import Composer
from desktop.widgets.chat.conversation_list import WIDTH as PANEL_WIDTH
from desktop.widgets.chat.conversation_list import ConversationList
from desktop.widgets.chat.find_bar import FindBar
from desktop.widgets.chat.leaving_mark import LeavingMark
from desktop.widgets.chat.prompt_line import PromptLine
from desktop.widgets.chat.undo_strip import UndoStrip
from desktop.widgets.chat.welcome import Welcome
from desktop.widgets.controls import button, icon_button, label, row
from desktop.widgets.fault_banner import FaultBanner
from desktop.widgets.model_picker import ModelPicker
from desktop.widgets.note_strip import NoteStrip
from desktop.widgets.progress_line import ProgressLine

PUT_AWAY = QT_TR_NOOP("The conversation was put away.")
_NEW = QT_TR_NOOP("New conversation")
_ICON_WIDTH = 50
_PANEL_FROM = 820  # a narrower page shows the conversations only when they are asked for


class ChatFrame(QWidget):
    """The conversations at the left, where there is room; else over the conversation, when they are asked for.

    ``settings_wanted`` is the wish to see how the conversation is answered, ``prompt_wanted`` its system prompt,
    ``context_wanted`` what fills its context, ``duel_wanted`` to ask two models at once.
    """

    settings_wanted = Signal()
    prompt_wanted = Signal()
    context_wanted = Signal()
    duel_wanted = Signal()

    def __init__(self, transcript: Branch) -> None:
        super().__init__()
        self._panel_wanted = True
        self._was_wide: bool | None = None  # not known before the first size: it may be a narrow one
        self.transcript = transcript
        self._make_parts()
        self._lay_out()
        self._wire_wishes()

    @Slot()
    def want_settings(self) -> None:
        self.settings_wanted.emit()

    @Slot()
    def want_prompt(self) -> None:
        self.prompt_wanted.emit()

    @Slot()
    def want_context(self) -> None:
        self.context_wanted.emit()

    @Slot()
    def want_duel(self) -> None:
        self.duel_wanted.emit()

    @Slot()
    def copy_answer(self) -> None:
        """Copy the newest answer."""
        if self.transcript.answer:
            self.transcript.answer.view.copy_all()

    @Slot()
    def show_keys(self) -> None:
        """Show what the keyboard can do here."""
        dialog = keys.KeysDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    @Slot()
    def focus_first(self) -> None:
        self.composer.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.is_wide is not self._was_wide:
            self._was_wide = self.is_wide
            self.panel.setVisible(self._panel_wanted and self.is_wide)
        self._place_panel()

    def minimumSizeHint(self) -> QSize:
        left = self._across.contentsMargins().left()
        return super().minimumSizeHint() - QSize(left, 0)  # the panel makes room before anything else has to

    @Slot()
    def show_panel(self) -> None:
        """Show or hide the conversations."""
        shown = not self.panel.isVisible()
        self._set_panel(shown)
        if self.is_wide:
            self._panel_wanted = shown

    @Slot()
    def search(self) -> None:
        self._set_panel(True)
        self.panel.focus_search()

    @Slot()
    def leave_panel(self) -> None:
        """Go back to writing; on a narrow page the conversations make room."""
        self._set_panel(self._panel_wanted and self.is_wide)
        self.focus_first()

    @property
    def is_wide(self) -> bool:
        return self.width() >= _PANEL_FROM

    def _set_panel(self, shown: bool) -> None:
        self.panel.setVisible(shown)
        self._place_panel()

    def _place_panel(self) -> None:
        """Put the conversations beside the conversation, or over it where the page is narrow."""
        beside = self.is_wide and self.panel.isVisibleTo(self)
        left = PANEL_WIDTH if beside else 0
        self._across.setContentsMargins(left, 0, 0, 0)
        self.new.setText(tr(_NEW))
        others = sum(part.minimumSizeHint().width() + scale.M for part in (self.toggle, self.picker, self.two))
        if self.width() - left < 2 * scale.XL + others + self.new.sizeHint().width():
            self.new.setText("")
        self.panel.shut.setVisible(not self.is_wide)
        self.panel.setGeometry(0, 0, PANEL_WIDTH, self.height())

    def _make_parts(self) -> None:
        self.picker = ModelPicker(folders=False)
        self.new = button(tr(_NEW), "", "plus", self.tr("New conversation (Ctrl+N)"))
        self.new.setMinimumWidth(_ICON_WIDTH)
        self.two = icon_button("compare", self.tr("Two models side by side (Ctrl+Shift+D)"))
        self.progress = ProgressLine(self.tr("Loading the model"))
        self.cancel = button(self.tr("Cancel"), "quiet", "close", self.tr("Give up loading the model"))
        self.cancel.setAccessibleName(self.tr("Cancel loading"))
        self.loading = QWidget()
        across = row(self.progress, self.cancel, spacing=scale.M)
        across.setStretch(0, 1)
        self.loading.setLayout(across)
        self.note = label("", "caption", wraps=True)
        self.banner = FaultBanner()
        self.welcome = Welcome()
        self.middle = QStackedWidget()
        self.middle.addWidget(self.welcome)
        self.middle.addWidget(self.transcript)
        self.finder = FindBar()
        self.instructed = PromptLine()
        self.strip = UndoStrip(tr(PUT_AWAY))
        self.keeping = NoteStrip()
        self.panel = ConversationList()
        self.toggle = icon_button("panel", self.tr("Conversations (Ctrl+B)"))
        self.leaving = LeavingMark()
        self.composer = Composer()
        self.setFocusProxy(self.composer.field)

    def _wire_wishes(self) -> None:
        self.instructed.clicked.connect(self.want_prompt)
        self.composer.gauge.clicked.connect(self.want_context)
        self.composer.settings_wanted.connect(self.want_settings)
        self.two.clicked.connect(self.want_duel)
        self.toggle.clicked.connect(self.show_panel)
        self.panel.keys_wanted.connect(self.show_keys)
        self.set_keys(keys.STEER, self.want_settings)
        self.set_keys(keys.PROMPT, self.want_prompt)
        self.set_keys(keys.TWO, self.want_duel)
        self.set_keys(keys.SEARCH, self.search)
        self.set_keys(keys.FIND, self.finder.open_it)
        self.set_keys(keys.PANEL, self.show_panel)
        self.set_keys(keys.COPY, self.copy_answer)
        self.set_keys(keys.HELP, self.show_keys)

    def set_keys(self, wanted: str, does: Callable[[], object]) -> None:
        """Let keys of :mod:`desktop.widgets.chat.keys` do something while the page is shown, and no dialog over it."""
        for each in filter(None, (wanted, keys.ALSO.get(wanted))):
            QShortcut(QKeySequence(each), self, does)

    def _lay_out(self) -> None:
        head = row(self.toggle, self.picker, self.two, self.new, spacing=scale.M)
        head.setStretch(1, 1)
        top, bottom = QVBoxLayout(), QVBoxLayout()
        top.setContentsMargins(scale.XL, scale.L, scale.XL, scale.S)
        top.setSpacing(scale.S)
        top.addLayout(head)
        for part in (self.loading, self.note, self.keeping, self.banner):
            top.addWidget(part)
        bottom.setContentsMargins(scale.XL, scale.S, scale.XL, scale.L)
        bottom.addWidget(self.strip)
        bottom.addWidget(self.leaving)
        bottom.addWidget(self.composer)
        line = QFrame()
        line.setProperty("role", "line")
        layout = QVBoxLayout()
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(line)
        layout.addLayout(_centred(_alone(self.instructed, scale.L)))
        layout.addLayout(_centred(_alone(self.finder)))
        layout.addWidget(self.middle, 1)
        layout.addLayout(_centred(bottom))
        self._across = QHBoxLayout(self)
        self._across.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self._across.setContentsMargins(0, 0, 0, 0)
        self._across.addLayout(layout, 1)
        self.panel.setParent(self)
        self.panel.raise_()


def _alone(widget: QWidget, beside: int = 0) -> QVBoxLayout:
    made = QVBoxLayout()
    made.setContentsMargins(beside, 0, beside, 0)
    made.addWidget(widget)
    return made


def _centred(layout: QVBoxLayout) -> QHBoxLayout:
    middle = QWidget()
    middle.setLayout(layout)
    middle.setMaximumWidth(scale.READING_WIDTH)
    across = QHBoxLayout()
    across.addStretch(1)
    across.addWidget(middle, 1000)
    across.addStretch(1)
    return across
