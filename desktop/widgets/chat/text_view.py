"""Text in a transcript: as high as what it holds, to be selected and copied, never loading anything."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QMenu, QSizePolicy, QTextBrowser, QWidget

from desktop.widgets.chat.announcer import announce

_BORDER = 2  # of the stylesheet, shown with the focus
_PADDING = 4
_SCROLL_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class TextView(QTextBrowser):
    """Show plain text. ``link_wanted`` tells the address of a link that was chosen; nothing is opened here."""

    link_wanted = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        # Growing at its end leaves the rest where it is: with all that it lies in, only the new strip is drawn.
        self.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setViewportMargins(_PADDING, _PADDING, _PADDING, _PADDING)
        self.document().setDocumentMargin(0)
        self.document().documentLayout().documentSizeChanged.connect(self.fit)
        self.anchorClicked.connect(self._on_anchor)

    @property
    def whole_text(self) -> str:
        """What copying all of it gives."""
        return self.toPlainText()

    @Slot()
    def fit(self) -> None:
        """Take the height of the content."""
        height = math.ceil(self.document().size().height()) + 2 * (_BORDER + _PADDING)
        if height != self.height():
            self.setFixedHeight(height)

    @Slot()
    def copy_all(self) -> None:
        QGuiApplication.clipboard().setText(self.whole_text)
        announce(self, self.tr("Copied"))

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Load nothing: a message may name pictures and styles of any address."""
        return None

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # the transcript scrolls

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _SCROLL_KEYS and not event.modifiers():
            event.ignore()  # as well
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Copy selection"), self.copy).setEnabled(self.textCursor().hasSelection())
        menu.addAction(self.tr("Copy all"), self.copy_all)
        menu.addAction(self.tr("Select all"), self.selectAll)
        address = self.anchorAt(event.pos())
        if address:
            menu.addAction(self.tr("Copy link address"), lambda: QGuiApplication.clipboard().setText(address))
        menu.popup(event.globalPos())

    @Slot(QUrl)
    def _on_anchor(self, address: QUrl) -> None:
        self.link_wanted.emit(address.toString())
