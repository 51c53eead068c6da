"""Something that is there on demand: a button that opens and closes what is below it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.theme.icons import icon


class Disclosure(QWidget):
    """Show ``content`` below a button while it is open. ``opened`` comes before it is shown for the first time."""

    opened = Signal()

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        self.button = QToolButton()
        self.button.setProperty("role", "quiet")
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setIconSize(QSize(scale.ICON, scale.ICON))
        self.button.setCheckable(True)
        self.button.toggled.connect(self._on_toggled)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.XS)
        layout.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(content)
        self.set_title(title)
        self._show_state(False)

    @property
    def is_open(self) -> bool:
        return self.button.isChecked()

    def set_title(self, title: str) -> None:
        self.button.setText(title)
        self._name()

    @Slot(bool)
    def _on_toggled(self, open_: bool) -> None:
        if open_:
            self.opened.emit()
        self._show_state(open_)

    def _show_state(self, open_: bool) -> None:
        self.button.setIcon(icon("chevron-down" if open_ else "chevron-right"))
        self.content.setVisible(open_)
        self._name()

    def _name(self) -> None:
        state = self.tr("open") if self.is_open else self.tr("closed")
        self.button.setAccessibleName(f"{self.button.text()}, {state}")
