"""What the person asked."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.chat.text_view import TextView
from desktop.widgets.controls import icon_button, restyle

_SHARE = 0.82  # of the column's width, at most


class Question(QWidget):
    """A bubble at the right, as wide as its text, with a copy button beside it."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = TextView("Your question")
        self.view.setPlainText(text)
        self.copy = icon_button("copy", "Copy question")
        self.copy.clicked.connect(self.view.copy_all)
        self._bubble = QFrame()
        restyle(self._bubble, role="question")
        inside = QHBoxLayout(self._bubble)
        inside.setContentsMargins(scale.S, scale.XS, scale.S, scale.XS)
        inside.addWidget(self.view)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.XS)
        layout.addStretch(1)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addWidget(self._bubble)

    def tab_stops(self) -> list[QWidget]:
        return [self.copy, self.view]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        most = round(event.size().width() * _SHARE)
        document = self.view.document().clone(self)
        document.setTextWidth(-1)
        wanted = math.ceil(document.idealWidth()) + 4 * scale.S
        document.deleteLater()
        self._bubble.setFixedWidth(max(64, min(most, wanted)))
