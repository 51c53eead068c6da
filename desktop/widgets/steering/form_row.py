"""The form that answers are held to: none, a JSON schema or a grammar."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.widgets.controls import column, label
from desktop.widgets.fields import Choice
from desktop.widgets.steering.texts_row import TextsRow

FORMS = {
    "": QT_TR_NOOP("Free text"),
    "json_schema": QT_TR_NOOP("JSON that follows a schema"),
    "grammar": QT_TR_NOOP("Text that follows a grammar (GBNF)"),
}
_HELP = {
    "json_schema": QT_TR_NOOP(
        "A JSON schema. Servers and GGUF models follow it; an answer that thinks first does so freely."
    ),
    "grammar": QT_TR_NOOP("A grammar in llama.cpp's GBNF, with a rule named root."),
}
_EXAMPLES = {
    "json_schema": '{\n  "type": "object",\n  "properties": {\n    "name": {"type": "string"},\n'
    '    "age": {"type": "integer"}\n  },\n  "required": ["name", "age"]\n}',
    "grammar": 'root ::= "Yes" | "No"',
}
_LINES = 9


class FormRow(QWidget):
    """``changed`` tells the kind (of :data:`FORMS`) and the text."""

    changed = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.kinds = Choice()
        for kind, words in FORMS.items():
            self.kinds.addItem(tr(words), kind)
        self.kinds.activated.connect(self._on_kind)
        self.text = TextsRow(self.tr("Schema or grammar"), " ", _LINES)
        self.text.changed.connect(self._tell)
        self.setLayout(column(label(self.tr("Form of the answers"), buddy=self.kinds), self.kinds, self.text))
        self.show_form("", "")

    @property
    def kind(self) -> str:
        return self.kinds.currentData()

    def show_form(self, kind: str, text: str) -> None:
        """Show a form without telling of it."""
        self.kinds.setCurrentIndex(self.kinds.findData(kind))
        self.text.show_text(text)
        self.text.show_problem("")
        self._show_kind()

    def _show_kind(self) -> None:
        self.text.setVisible(bool(self.kind))
        self.text.show_help(tr(_HELP.get(self.kind, "")))

    @Slot(int)
    def _on_kind(self, _index: int) -> None:
        self._show_kind()
        self.text.show_text(_EXAMPLES.get(self.kind, ""))
        self._tell(self.text.text)

    @Slot(str)
    def _tell(self, text: str) -> None:
        self.changed.emit(self.kind, text)
