"""Fields that change by the wheel only while they have the focus, so that scrolling a page changes nothing."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSlider, QSpinBox, QStyledItemDelegate

_TEXT_MARGIN = 8  # a stylesheet's padding does not reach the line inside a spin box


class WholeNumber(QSpinBox):
    """A number that is told when typing is done, not at each digit."""

    def __init__(self, lowest: int, highest: int, unit: str = "") -> None:
        super().__init__()
        self.setRange(lowest, highest)
        self.setGroupSeparatorShown(unit == "tokens")
        self.setSuffix(f" {unit}" if unit else "")
        self.setSingleStep(256 if unit == "tokens" else 1)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(_TEXT_MARGIN, 0, 0, 0)

    def wheelEvent(self, event: QWheelEvent) -> None:
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class Number(QDoubleSpinBox):
    """A number with two decimals, or one with a unit and one decimal, that is told when typing is done."""

    def __init__(self, lowest: float, highest: float, unit: str = "") -> None:
        super().__init__()
        self.setRange(lowest, highest)
        self.setDecimals(1 if unit else 2)
        self.setSuffix(f" {unit}" if unit else "")
        self.setSingleStep(1 if unit else 0.05)
        self.setKeyboardTracking(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.lineEdit().setTextMargins(_TEXT_MARGIN, 0, 0, 0)

    def wheelEvent(self, event: QWheelEvent) -> None:
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class Choice(QComboBox):
    """A list to choose from."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setItemDelegate(QStyledItemDelegate(self))  # the one of its own takes no stylesheet

    def wheelEvent(self, event: QWheelEvent) -> None:
        super().wheelEvent(event) if self.hasFocus() else event.ignore()


class Slider(QSlider):
    """A slider across."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setPageStep(1)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:
        super().wheelEvent(event) if self.hasFocus() else event.ignore()
