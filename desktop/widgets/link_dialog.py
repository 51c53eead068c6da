"""Ask before the browser is opened: it is the person's own, with their cookies, and it leaves this computer."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph, row


class LinkDialog(QDialog):
    """Show an address, to be opened, copied or left."""

    def __init__(self, address: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.address = address
        self.setWindowTitle(self.tr("Open in your browser?"))
        self.open_it = button(self.tr("Open in the browser"), "primary", "external")
        self.open_it.clicked.connect(self._on_open)
        self.copy = button(self.tr("Copy the address"), "", "copy")
        self.copy.clicked.connect(self._on_copy)
        leave = button(self.tr("Cancel"))
        leave.clicked.connect(self.reject)
        shown = paragraph(address, role="")
        shown.setMinimumWidth(400)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        head = label(self.tr("Open in your browser?"), "heading", wraps=True)
        add(layout, [head, shown, scale.S, row(None, leave, self.copy, self.open_it)])
        self.open_it.setDefault(True)
        self.open_it.setFocus()

    @Slot()
    def _on_open(self) -> None:
        QDesktopServices.openUrl(QUrl(self.address))
        self.accept()

    @Slot()
    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.address)
        self.accept()
