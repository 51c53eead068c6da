"""The small parts that pages are built of, each with its role in the stylesheet and its name for a screen reader."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.theme import scale
from desktop.theme.icons import icon


def label(text: str = "", role: str = "", *, buddy: QWidget | None = None, wraps: bool = False) -> QLabel:
    """Return a line of plain text. A ``buddy`` is the control that it names; ``text`` may hold its ``&`` shortcut."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    made.setWordWrap(wraps)
    if buddy:
        made.setBuddy(buddy)
        if not buddy.accessibleName():
            buddy.setAccessibleName(text.replace("&", "").rstrip(":"))
    return made


def paragraph(text: str = "", role: str = "muted") -> QLabel:
    """Return text that wraps and can be selected with the mouse."""
    made = label(text, role, wraps=True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = made.sizePolicy()  # a new one would forget that the height follows from the width
    policy.setVerticalPolicy(QSizePolicy.Policy.Minimum)
    made.setSizePolicy(policy)
    return made


class _PushButton(QPushButton):
    """A button that Enter presses as well as the space bar, while it has the focus."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.click() if _is_enter(event) else super().keyPressEvent(event)


class _ToolButton(QToolButton):
    """The same without words."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.click() if _is_enter(event) else super().keyPressEvent(event)


def _is_enter(event: QKeyEvent) -> bool:
    alone = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier == Qt.KeyboardModifier.NoModifier
    return event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and alone and not event.isAutoRepeat()


def button(text: str, role: str = "", icon_name: str = "", tip: str = "") -> QPushButton:
    made = _PushButton(text)
    made.setProperty("role", role)
    made.setAccessibleName(text.replace("&", ""))
    made.setToolTip(tip)
    made.setAutoDefault(False)
    if icon_name:
        made.setIcon(icon(icon_name, _ICON_COLOURS.get(role, "text")))
        made.setIconSize(QSize(scale.ICON, scale.ICON))
    return made


def icon_button(icon_name: str, name: str, role: str = "quiet") -> QToolButton:
    """Return a button that shows only an icon; its name is its tooltip and what a screen reader says."""
    made = _ToolButton()
    made.setProperty("role", role)
    made.setIcon(icon(icon_name, _ICON_COLOURS.get(role, "text")))
    made.setIconSize(QSize(scale.ICON, scale.ICON))
    made.setAccessibleName(name)
    made.setToolTip(name)
    return made


def frame(role: str, *, margins: int = scale.L, spacing: int = scale.S, across: bool = False) -> QFrame:
    """Return a frame with a layout, to be filled through :func:`fill`."""
    made = QFrame()
    made.setProperty("role", role)
    layout: QBoxLayout = QHBoxLayout(made) if across else QVBoxLayout(made)
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(spacing)
    return made


def row(*parts: QWidget | QLayout | int | None, spacing: int = scale.S) -> QHBoxLayout:
    """Return the parts side by side; ``None`` stretches and a number is a distance."""
    made = QHBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(spacing)
    add(made, parts)
    return made


def column(*parts: QWidget | QLayout | int | None, spacing: int = scale.S) -> QVBoxLayout:
    """Return the parts one below the other; ``None`` stretches and a number is a distance."""
    made = QVBoxLayout()
    made.setContentsMargins(0, 0, 0, 0)
    made.setSpacing(spacing)
    add(made, parts)
    return made


def fill(widget: QWidget, *parts: QWidget | QLayout | int | None) -> None:
    """Add parts to a widget's own layout."""
    layout = widget.layout()
    assert isinstance(layout, QBoxLayout)
    add(layout, parts)


def add(layout: QBoxLayout, parts: Iterable[QWidget | QLayout | int | None]) -> None:
    for part in parts:
        if part is None:
            layout.addStretch(1)
        elif isinstance(part, int):
            layout.addSpacing(part)
        elif isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)


def open_size(dialog: QWidget, width: int, height: int) -> None:
    """Give a dialog the size that it wants, as far as the screen has it."""
    dialog.resize(QSize(width, height).boundedTo(dialog.screen().availableSize() * _OF_SCREEN))


def clear(layout: QLayout) -> None:
    """Take everything out of a layout and delete it."""
    while (item := layout.takeAt(0)) is not None:
        if widget := item.widget():
            widget.hide()
            widget.deleteLater()
        elif inner := item.layout():
            clear(inner)


def restyle(widget: QWidget, **properties: object) -> None:
    """Set properties that the stylesheet looks at, and draw the widget anew."""
    for name, value in properties.items():
        widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


_OF_SCREEN = 0.92  # for what a window manager puts around a dialog
_ICON_COLOURS = {"primary": "on_accent", "quiet": "text_muted", "danger": "bad"}
