"""Show where a link leads before anything is opened."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph, row

OPENABLE = ("http", "https", "mailto")


class LinkDialog(QDialog):
    """Offer to open an address of an answer in the browser, or to copy it. A file or program is never opened."""

    def __init__(self, address: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.address = address
        self.setWindowTitle(self.tr("Open this address?"))
        openable = QUrl(address).scheme().lower() in OPENABLE
        self.go = button(self.tr("Open in the browser"), "primary", "external")
        self.go.clicked.connect(self._open)
        self.go.setVisible(openable)
        copy = button(self.tr("Copy address"), "", "copy")
        copy.clicked.connect(self._copy)
        keep = button(self.tr("Stay here"))
        keep.clicked.connect(self.reject)
        keep.setDefault(True)
        shown = paragraph(address, "strong")
        shown.setMinimumWidth(420)
        text = (
            self.tr("The model wrote this link. It leads to:")
            if openable
            else self.tr("Links of this kind are not opened from here:")
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [label(text, wraps=True), shown, scale.S, row(None, keep, copy, self.go)])
        keep.setFocus()

    @Slot()
    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl(self.address))
        self.accept()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.address)
        self.accept()
