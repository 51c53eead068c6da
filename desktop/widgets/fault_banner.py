"""An error told in place: a strip at the top of a page that stops nothing else."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, Signal, Slot
from PySide6.QtGui import QAccessible, QAccessibleEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from desktop.faults import Button, Do, Fault, fault_of
from desktop.theme import scale
from desktop.theme.icons import pixmap
from desktop.widgets.bug_dialog import BugDialog
from desktop.widgets.controls import add, button, clear, column, icon_button, label, paragraph, restyle

_ICONS = {"error": ("error", "bad"), "warning": ("warning", "warning"), "info": ("info", "accent")}


class FaultBanner(QFrame):
    """Show one fault at a time; hidden while there is none.

    ``chosen`` tells the :class:`Button` that was pressed. Copying and the report of a bug are done here, everything
    else is for the page.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "banner")
        self.fault: Fault | None = None
        self._icon = QLabel()
        self._title = label(role="strong", wraps=True)
        self._sentence = paragraph(role="")
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(scale.S)
        close = icon_button("close", self.tr("Dismiss this message"))
        close.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(scale.M, scale.M, scale.S, scale.S)
        layout.setSpacing(scale.M)
        add(layout, [column(self._icon, None), column(self._title, self._sentence, self._buttons, spacing=scale.XS)])
        layout.setStretch(1, 1)
        layout.addLayout(column(close, None))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.hide()

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        self.show_fault(fault_of(error))

    def show_fault(self, fault: Fault) -> None:
        self.fault = fault
        self._title.setText(fault.title)
        self._sentence.setText(fault.sentence)
        self._show_buttons(fault.buttons)
        self._draw_icon()
        self.setAccessibleName(f"{fault.title}. {fault.sentence}")
        restyle(self, level=fault.level)
        self.show()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    @Slot()
    def clear(self) -> None:
        self.fault = None
        self.hide()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange and self.fault:
            self._draw_icon()

    def _show_buttons(self, buttons: tuple[Button, ...]) -> None:
        clear(self._buttons)
        for entry in buttons:
            made = button(entry.label)
            made.clicked.connect(partial(self._press, entry))
            self._buttons.addWidget(made)
        self._buttons.addStretch(1)

    @Slot()
    def _press(self, entry: Button) -> None:
        assert self.fault
        if entry.do is Do.COPY:
            QGuiApplication.clipboard().setText(entry.target or self.fault.details)
        elif entry.do is Do.REPORT:
            BugDialog(self.fault, self.window()).show()
        else:
            if entry.do is Do.RETRY:
                self.clear()
            self.chosen.emit(entry)

    def _draw_icon(self) -> None:
        assert self.fault
        name, colour = _ICONS[self.fault.level]
        self._icon.setPixmap(pixmap(name, colour, 20, self.devicePixelRatioF()))
