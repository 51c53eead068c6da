"""Add a server or change one: its address, its name and its key. It is tested before it is kept."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QLineEdit, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.server_rows import error_words, leaving_words, place_words
from desktop.theme import scale
from desktop.widgets.controls import add, button, column, label, open_size, paragraph, restyle, row
from desktop.widgets.scroll_column import ScrollColumn
from engine.catalog.servers.address import normal_url, usual_name
from engine.catalog.servers.faults import GIVE_KEY
from engine.catalog.servers.keeping import AGAIN_HINT, TAKEN_HINT, Draft
from engine.catalog.servers.listing import NAME_HINT, Server
from engine.errors import EngineError, Refused

_SIZE = 480, 560
_ABOUT = QT_TR_NOOP("Any server that speaks OpenAI's protocol: vLLM, llama-server, Ollama, LM Studio, a paid service.")
_KEY = QT_TR_NOOP(
    "It goes into this system's keyring, or without one is kept until Halfbyte closes, and to this server alone."
)


class ServerDialog(QDialog):
    """``keep_wanted`` tells a :class:`Draft` and whether it is kept without a test; ``given_up`` ends a test."""

    keep_wanted = Signal(object, bool)
    given_up = Signal()

    def __init__(self, before: Server | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._before = before
        self.setWindowTitle(
            self.tr("Change {server}").format(server=before.name) if before else self.tr("Add a server")
        )
        self.url = QLineEdit(before.url if before else "")
        self.url.setPlaceholderText(self.tr("http://localhost:8080 or https://host.example/v1"))
        self.url.textChanged.connect(self._on_text)
        self.place = paragraph("")
        self.name = QLineEdit(before.name if before else "")
        self.key = QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setPlaceholderText(self.tr("Unchanged") if before else self.tr("Only if it wants one"))
        self.reveal = QCheckBox(self.tr("Show it"))
        self.reveal.toggled.connect(self._on_reveal)
        self.forget = QCheckBox(self.tr("Forget the key that is kept"))
        self.forget.setVisible(before is not None)
        self.problem = label("", "bad", wraps=True)
        self.problem.hide()
        self.untried = button(self.tr("Keep it without a test"), "quiet")
        self.untried.clicked.connect(self._on_untried)
        self.untried.hide()
        self.keep = button(self.tr("Test and keep"), "primary")
        self.keep.clicked.connect(self._on_keep)
        self.leave = button(self.tr("Cancel"))
        self.leave.clicked.connect(self.reject)
        self.rejected.connect(self.given_up)
        for field in (self.url, self.name, self.key):
            field.returnPressed.connect(self._on_keep)
        self._lay_out()
        self._on_text()

    @property
    def draft(self) -> Draft:
        name = self.name.text().strip()
        return Draft(self.url.text(), name, self.key.text(), self._before, self.forget.isChecked())

    @Slot(Exception)
    def show_error(self, error: BaseException) -> None:
        """Say what is wrong, at the field to change; one that only does not answer now can be kept all the same."""
        self._show_busy(False)
        wants_key = isinstance(error, EngineError) and error.hint == GIVE_KEY
        next_step = self.tr("Enter its key above.")
        words = f"{error} {next_step}" if wants_key else error_words(error)
        self.problem.setText(words)
        self.problem.show()
        field = self._field_of(error)
        self.untried.setVisible(field is not self.name)
        field.setFocus()
        self._scroll.ensureWidgetVisible(field)

    def _field_of(self, error: BaseException) -> QLineEdit:
        """Return the field that a person has to change."""
        hint = error.hint if isinstance(error, EngineError) else ""
        if hint in (NAME_HINT, TAKEN_HINT):
            return self.name
        return self.key if hint in (GIVE_KEY, AGAIN_HINT) else self.url

    def closeEvent(self, event: QCloseEvent) -> None:
        self.key.clear()
        super().closeEvent(event)

    def _lay_out(self) -> None:
        inner = QWidget()
        inner.setProperty("role", "page")
        fields = QVBoxLayout(inner)
        fields.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.S)
        fields.setSpacing(scale.S)
        heading = (
            self.tr("Change {server}").format(server=self._before.name) if self._before else self.tr("Add a server")
        )
        about = paragraph(tr(_ABOUT))
        add(fields, [label(heading, "heading", wraps=True), about, scale.XS])
        add(fields, [label(self.tr("&Address"), "", buddy=self.url), self.url, self.place, scale.XS])
        add(fields, [label(self.tr("&Name"), "", buddy=self.name), self.name, scale.XS])
        add(
            fields,
            [
                label(self.tr("&Key"), "", buddy=self.key),
                self.key,
                row(self.reveal, self.forget, None),
                paragraph(tr(_KEY)),
                None,
            ],
        )
        self._scroll = ScrollColumn(inner, heading)
        foot = column(self.problem, row(self.untried, None, self.leave, self.keep), spacing=scale.S)
        foot.setContentsMargins(scale.XL, scale.S, scale.XL, scale.L)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        add(layout, [self._scroll, foot])
        layout.setStretch(0, 1)
        open_size(self, *_SIZE)

    def _show_busy(self, busy: bool) -> None:
        for field in (self.url, self.name, self.key, self.forget):
            field.setEnabled(not busy)
        self.keep.setText(self.tr("Testing…") if busy else self.tr("Test and keep"))
        self.keep.setEnabled(not busy)
        self.untried.setEnabled(not busy)

    @Slot()
    def _on_text(self) -> None:
        """Say at once whether words would leave this machine."""
        self.problem.hide()  # it was about another address
        self.untried.hide()
        text, problem = self.url.text().strip(), ""
        try:
            url = normal_url(text) if text else ""
        except Refused as error:
            url, problem = "", error_words(error)
        self.place.setText(problem or (place_words(url) if url else " "))
        leaves = bool(url and leaving_words(url))
        restyle(self.place, role="bad" if problem else "warning" if leaves else "muted")
        self.name.setPlaceholderText(usual_name(url) if url else "")
        self.keep.setEnabled(bool(url))

    @Slot(bool)
    def _on_reveal(self, shown: bool) -> None:
        self.key.setEchoMode(QLineEdit.EchoMode.Normal if shown else QLineEdit.EchoMode.Password)

    @Slot()
    def _on_keep(self) -> None:
        if self.keep.isEnabled():
            self._send(False)

    @Slot()
    def _on_untried(self) -> None:
        self._send(True)

    def _send(self, untried: bool) -> None:
        self.problem.hide()
        self.untried.hide()
        self._show_busy(True)
        self.keep_wanted.emit(self.draft, untried)
