"""‹ 2/3 ›: which of several versions of a message is shown, and the way to the others."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QWidget

from desktop.widgets.controls import icon_button, label


class Versions(QWidget):
    """Hidden while there is but one. ``stepped`` carries -1 or 1."""

    stepped = Signal(int)

    def __init__(self, earlier: str, later: str) -> None:
        super().__init__()
        self.before = icon_button("chevron-left", earlier)
        self.words = label("", "caption")
        self.after = icon_button("chevron-right", later)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for part in (self.before, self.words, self.after):
            layout.addWidget(part, 0, Qt.AlignmentFlag.AlignVCenter)
        self.before.clicked.connect(self._on_before)
        self.after.clicked.connect(self._on_after)
        self.hide()

    @property
    def stops(self) -> list[QToolButton]:
        return [self.before, self.after]

    def show_version(self, number: int, count: int, *, usable: bool) -> None:
        """Show that this is version ``number`` (from 1) of ``count``."""
        self.words.setText(f"{number}/{count}")
        self.words.setAccessibleName(self.tr("Version {number} of {count}").format(number=number, count=count))
        self.before.setEnabled(usable and number > 1)
        self.after.setEnabled(usable and number < count)
        self.setVisible(count > 1)

    @Slot()
    def _on_before(self) -> None:
        self.stepped.emit(-1)

    @Slot()
    def _on_after(self) -> None:
        self.stepped.emit(1)
