"""Ask for the Hub's access token: checked before it is kept, shown only on demand, and never written down by us."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QLineEdit, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.hub_words import host_of, kept_under
from desktop.theme import scale
from desktop.widgets.controls import add, button, label, paragraph, row
from desktop.widgets.link_dialog import LinkDialog
from engine.catalog.hub.account import token_page
from engine.errors import EngineError

_EXPLANATION = QT_TR_NOOP(
    "{host} gives it to you on your settings page; one that may only read is enough. Halfbyte keeps it in this "
    "system's keyring, under {where}. Where there is no keyring it is kept until Halfbyte closes, and you are told so."
)
_PRECEDENCE = QT_TR_NOOP("HF_TOKEN is set and comes first: what you enter here is used once that variable is gone.")


class TokenDialog(QDialog):
    """``check_wanted`` tells the token that was typed, ``given_up`` that a check in progress has no use any more."""

    check_wanted = Signal(str)
    given_up = Signal()

    def __init__(self, endpoint: str, from_environment: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._endpoint = endpoint
        self.setWindowTitle(self.tr("Access token"))
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setPlaceholderText("hf_…")
        self.field.setMinimumWidth(420)
        self.field.textChanged.connect(self._on_text)
        self.field.returnPressed.connect(self._on_check)
        self.reveal = QCheckBox(self.tr("Show it"))
        self.reveal.toggled.connect(self._on_reveal)
        self.page = button(self.tr("Open the token page"), "quiet", "external", tip=token_page(endpoint))
        self.page.clicked.connect(self._on_page)
        self.problem = label("", "bad", wraps=True)
        self.check = button(self.tr("Check and keep it"), "primary")
        self.check.clicked.connect(self._on_check)
        self.leave = button(self.tr("Cancel"))
        self.leave.clicked.connect(self.reject)
        self.rejected.connect(self.given_up)
        self._lay_out(from_environment)
        self._on_text()

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        """Tell what is wrong; whatever it is, it never quotes the token."""
        words = (
            f"{error.message} {error.hint}" if isinstance(error, EngineError) else self.tr("Halfbyte made a mistake.")
        )
        self._show_busy(False)
        self.problem.setText(words.strip())
        self.problem.show()
        self.field.setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.field.clear()
        super().closeEvent(event)

    def _lay_out(self, from_environment: bool) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        host = host_of(self._endpoint)
        about = paragraph(tr(_EXPLANATION).format(host=host, where=kept_under()))
        first = paragraph(tr(_PRECEDENCE), "warning")
        first.setVisible(from_environment)
        name = label(self.tr("Access &token"), "", buddy=self.field)
        add(
            layout,
            [label(self.tr("Your access token of {host}").format(host=host), "heading", wraps=True), about, first],
        )
        add(layout, [name, self.field, row(self.reveal, None, self.page), self.problem])
        add(layout, [row(None, self.leave, self.check)])
        self.problem.hide()

    def _show_busy(self, busy: bool) -> None:
        self.field.setEnabled(not busy)
        self.check.setText(self.tr("Checking…") if busy else self.tr("Check and keep it"))
        self.check.setEnabled(not busy)

    @Slot()
    def _on_text(self) -> None:
        self.check.setEnabled(bool(self.field.text().strip()))

    @Slot(bool)
    def _on_reveal(self, shown: bool) -> None:
        self.field.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)

    @Slot()
    def _on_page(self) -> None:
        LinkDialog(token_page(self._endpoint), self).open()

    @Slot()
    def _on_check(self) -> None:
        if self.check.isEnabled():
            self.problem.hide()
            self._show_busy(True)
            self.check_wanted.emit(self.field.text())
