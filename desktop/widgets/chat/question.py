"""What the person asked."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.chat.question_editor import QuestionEditor
from desktop.widgets.chat.text_view import TextView
from desktop.widgets.chat.versions import Versions
from desktop.widgets.controls import icon_button, restyle

_SHARE = 0.82  # of the column's width, at most


class Question(QWidget):
    """A bubble at the right, as wide as its text, with its buttons beside it.

    ``edited`` carries another question to ask in its place, ``version_wanted`` -1 or 1.
    """

    edited = Signal(str)
    version_wanted = Signal(int)

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = TextView(self.tr("Your question"))
        self.view.setPlainText(text)
        self.versions = Versions(self.tr("Earlier version of the question"), self.tr("Later version of the question"))
        self.versions.stepped.connect(self.version_wanted)
        self.edit = icon_button("edit", self.tr("Edit question"))
        self.edit.clicked.connect(self.begin_edit)
        self.edit.hide()
        self.copy = icon_button("copy", self.tr("Copy question"))
        self.copy.clicked.connect(self.view.copy_all)
        self.editor: QuestionEditor | None = None
        self._bubble = QFrame()
        restyle(self._bubble, role="question")
        inside = QHBoxLayout(self._bubble)
        inside.setContentsMargins(scale.S, scale.XS, scale.S, scale.XS)
        inside.addWidget(self.view)
        self._tools = QWidget()
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(scale.XS)
        for part in (self.versions, self.edit, self.copy):
            tools.addWidget(part)
        self._line = QWidget()
        line = QHBoxLayout(self._line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(scale.XS)
        line.addStretch(1)
        line.addWidget(self._tools, 0, Qt.AlignmentFlag.AlignBottom)
        line.addWidget(self._bubble)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self._line)

    def tab_stops(self) -> list[QWidget]:
        editor: list[QWidget] = [self.editor.field, self.editor.leave, self.editor.send] if self.editor else []
        return [*self.versions.stops, self.edit, self.copy, self.view, *editor]

    def show_place(self, number: int, count: int, *, idle: bool, askable: bool, last: bool) -> None:
        """Show which version this is, and what can be done with it now."""
        self.versions.show_version(number, count, usable=idle)
        self.edit.setVisible(askable)
        self._fit_bubble()

    @Slot()
    def begin_edit(self) -> None:
        """Write the question anew in its place."""
        if self.editor:
            self.editor.field.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self.editor = QuestionEditor(self.view.toPlainText())
        self.editor.sent.connect(self.edited)
        self.editor.left.connect(self.end_edit)
        self._line.hide()
        self._column.addWidget(self.editor)
        self.editor.show()
        self.editor.field.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def end_edit(self) -> None:
        """Leave the question as it was."""
        if self.editor:
            self.editor.hide()
            self.editor.deleteLater()
            self.editor = None
            self._line.show()
            self.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_bubble()

    def _fit_bubble(self) -> None:
        tools = self._tools.sizeHint().width() + scale.XS
        most = min(round(self.width() * _SHARE), self.width() - tools)
        document = self.view.document().clone(self)
        document.setTextWidth(-1)
        wanted = math.ceil(document.idealWidth()) + 4 * scale.S
        document.deleteLater()
        self._bubble.setFixedWidth(max(64, min(most, wanted)))
