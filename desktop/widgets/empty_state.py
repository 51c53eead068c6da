"""What a page shows while it has nothing: what belongs here, and how to get it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.theme.icons import pixmap
from desktop.widgets.controls import label, row


class EmptyState(QWidget):
    """A picture, a heading, a sentence and the buttons that lead on."""

    def __init__(self, icon_name: str, heading: str, sentence: str, *buttons: QPushButton) -> None:
        super().__init__()
        self._icon_name = icon_name
        self._icon = QLabel()
        self.heading = label(heading, "heading", wraps=True)
        self.sentence = label(sentence, "muted", wraps=True)
        self._column = layout = QVBoxLayout(self)
        layout.setSpacing(scale.M)
        for part in (self._icon, self.heading, self.sentence):
            part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(part)
        if buttons:
            layout.addSpacing(scale.S)
            layout.addLayout(row(None, *buttons, None))
        self._draw_icon()
        self.show_compact(False)

    def show_compact(self, compact: bool) -> None:
        """Leave out the picture and the air around, where there is little height."""
        self._icon.setHidden(compact)
        self._column.setContentsMargins(*(scale.M,) * 4 if compact else (scale.XL, scale.XXL, scale.XL, scale.XXL))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw_icon()

    def _draw_icon(self) -> None:
        self._icon.setPixmap(pixmap(self._icon_name, "border_strong", 44, self.devicePixelRatioF()))
