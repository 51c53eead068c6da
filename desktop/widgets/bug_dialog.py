"""Our own mistakes: a dialog with the report and a button that copies it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QVBoxLayout, QWidget

from desktop.faults import Fault
from desktop.theme import scale
from desktop.theme.fonts import fixed_font
from desktop.widgets.controls import add, button, label, paragraph, row


class BugDialog(QDialog):
    """Show a bug's report. It blocks nothing: open it with ``show()``."""

    def __init__(self, fault: Fault, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(fault.title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.report = QPlainTextEdit(fault.details)
        self.report.setReadOnly(True)
        self.report.setTabChangesFocus(True)
        self.report.setFont(fixed_font())
        self.report.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.report.setAccessibleName(self.tr("Report"))
        self.copy = button(self.tr("Copy the report"), "primary", "copy")
        self.copy.clicked.connect(self._copy)
        close = button(self.tr("Close"))
        close.clicked.connect(self.close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [label(fault.title, "heading"), paragraph(fault.sentence), self.report])
        add(layout, [row(None, close, self.copy)])
        layout.setStretch(2, 1)
        self.resize(720, 460)

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.report.toPlainText())
        self.copy.setText(self.tr("Copied"))
        self.copy.setAccessibleName(self.tr("Copied"))
