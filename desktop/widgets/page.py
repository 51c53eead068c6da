"""What all pages share: a title and what it is for, a place for faults, and a column that scrolls."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from desktop.faults import Button, Do
from desktop.theme import scale
from desktop.widgets.controls import add, label, paragraph
from desktop.widgets.fault_banner import FaultBanner
from desktop.widgets.scroll_column import ScrollColumn


class Page(QWidget):
    """A page. ``way_chosen`` tells a fault's button that leads elsewhere; one that tries again calls :meth:`retry`.

    Subclasses fill :attr:`column` and, beside the title, :attr:`buttons`.
    """

    way_chosen = Signal(object)

    def __init__(self, title: str, purpose: str, width: int = scale.READING_WIDTH) -> None:
        super().__init__()
        self.title = title
        self.setAccessibleName(title)
        self.banner = FaultBanner()
        self.banner.chosen.connect(self._on_chosen)
        self.buttons = QHBoxLayout()
        self.buttons.setSpacing(scale.S)
        self.column = QVBoxLayout()
        self.column.setSpacing(scale.L)
        content = self._content(width)
        add(self._inner, [self._header(title, purpose), self.banner])
        self._inner.addLayout(self.column, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(ScrollColumn(content, title))

    def focus_first(self) -> None:
        """Give the focus to the page's first control that takes it, for whoever comes by keyboard."""
        widget = self.nextInFocusChain()
        while widget and self.isAncestorOf(widget):
            if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                widget.setFocus(Qt.FocusReason.TabFocusReason)
                return
            widget = widget.nextInFocusChain()

    def retry(self) -> None:
        """Do again what failed. Pages whose faults offer it override this."""

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        self.banner.show_error(error)

    @Slot(object)
    def _on_chosen(self, entry: Button) -> None:
        if entry.do is Do.RETRY:
            self.retry()
        else:
            self.way_chosen.emit(entry)

    def _content(self, width: int) -> QWidget:
        content, middle = QWidget(), QWidget()
        content.setProperty("role", "page")
        middle.setMaximumWidth(width)
        self._inner = QVBoxLayout(middle)
        self._inner.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.XL)
        self._inner.setSpacing(scale.L)
        across = QHBoxLayout(content)
        across.setContentsMargins(0, 0, 0, 0)
        across.addStretch(1)
        across.addWidget(middle, 1000)
        across.addStretch(1)
        return content

    def _header(self, title: str, purpose: str) -> QHBoxLayout:
        words = QVBoxLayout()
        words.setSpacing(scale.XS)
        add(words, [label(title, "title"), paragraph(purpose)])
        header = QHBoxLayout()
        header.setSpacing(scale.M)
        header.addLayout(words, 1)
        header.addLayout(self.buttons)
        header.setAlignment(self.buttons, Qt.AlignmentFlag.AlignTop)
        return header
