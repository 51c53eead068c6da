"""One setting: its name, the control that its row of the table asks for, its help, and the way back to the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QPlainTextEdit,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from desktop.language import tr
from desktop.theme import scale
from desktop.widgets.chat.announcer import announce
from desktop.widgets.controls import icon_button, label
from desktop.widgets.fields import Choice, Number, WholeNumber
from desktop.widgets.path_field import PathField
from engine.settings import Setting, Value

_LABEL_WIDTH = 150
_FIELD_WIDTH = 200
_INT_LIMIT = 2**31 - 1


class SettingRow(QWidget):
    """Edit one :class:`Setting`; ``changed`` tells its name and new value, which is in range."""

    changed = Signal(str, object)

    def __init__(self, setting: Setting, value: Value) -> None:
        super().__init__()
        self.setting = setting
        self.editor = _editor(setting)
        self.editor.setAccessibleName(setting.title)
        self.editor.setAccessibleDescription(setting.help)
        name = label(setting.title, "", buddy=self.editor)
        name.setMinimumWidth(_LABEL_WIDTH)
        self.reset = icon_button("undo", self.tr("Reset {setting} to its default").format(setting=setting.title))
        self.reset.clicked.connect(self._on_reset)
        self._connect()
        layout = QGridLayout(self)
        layout.setContentsMargins(0, scale.XS, 0, scale.XS)
        layout.setHorizontalSpacing(scale.M)
        layout.setVerticalSpacing(scale.XS)
        layout.setColumnStretch(2, 1)
        layout.addWidget(name, 0, 0)
        self.editor.setMinimumWidth(_FIELD_WIDTH)
        wide = isinstance(self.editor, PathField | QPlainTextEdit)
        layout.addWidget(self.editor, 0, 1, 1, 2 if wide else 1)
        layout.addWidget(self.reset, 0, 3)
        layout.addWidget(label(setting.help, "caption", wraps=True), 1, 1, 1, 2)
        self.outcome = label("", "strong", wraps=True)
        self.outcome.hide()
        layout.addWidget(self.outcome, 2, 1, 1, 2)
        self.show_value(value)

    def tell(self, outcome: str) -> None:
        """Say below the setting what its new value has done; an empty text says nothing."""
        self.outcome.setText(outcome)
        self.outcome.setVisible(bool(outcome))
        if outcome:
            announce(self.outcome, outcome)

    @property
    def value(self) -> Any:
        editor = self.editor
        match editor:
            case QComboBox():
                return editor.currentData()
            case QCheckBox():
                return editor.isChecked()
            case QDoubleSpinBox():
                return round(editor.value(), editor.decimals())
            case QSpinBox():
                return editor.value()
            case PathField():
                return editor.text
            case QPlainTextEdit():
                return editor.toPlainText()
        raise AssertionError(f"no way to read a {type(editor).__name__}")

    def show_value(self, value: Any) -> None:
        """Show a value without telling of it."""
        self.editor.blockSignals(True)
        editor = self.editor
        match editor:
            case QComboBox():
                editor.setCurrentIndex(editor.findData(value))
            case QCheckBox():
                editor.setChecked(value)
            case QSpinBox() | QDoubleSpinBox():
                editor.setValue(value)
            case PathField():
                editor.set_path(Path(value) if value else None)
            case QPlainTextEdit():
                editor.setPlainText(value)
        self.editor.blockSignals(False)
        self._told = self.value
        self._show_reset()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusOut:  # a text is told when it is left, not at each letter
            self._on_changed()
        return super().eventFilter(watched, event)

    def _connect(self) -> None:
        editor = self.editor
        match editor:
            case QComboBox():
                editor.currentIndexChanged.connect(self._on_changed)
            case QCheckBox():
                editor.toggled.connect(self._on_changed)
            case QSpinBox() | QDoubleSpinBox():
                editor.valueChanged.connect(self._on_changed)
            case PathField():
                editor.changed.connect(self._on_changed)
            case QPlainTextEdit():
                editor.installEventFilter(self)

    @Slot()
    def _on_changed(self) -> None:
        self._show_reset()
        if self.value != self._told:
            self._told = self.value
            self.changed.emit(self.setting.name, self.value)

    @Slot()
    def _on_reset(self) -> None:
        before = self._told
        self.show_value(self.setting.default)
        self.editor.setFocus()
        if self.value != before:
            self.changed.emit(self.setting.name, self.value)

    def _show_reset(self) -> None:
        self.reset.setEnabled(self.value != self.setting.default)


def _editor(setting: Setting) -> QWidget:
    if setting.choices:
        return _choice(setting)
    match setting.default:
        case bool():
            return QCheckBox(setting.title)
        case int():
            return _whole_number(setting)
        case float():
            return _number(setting)
    if setting.name.endswith("_folder"):
        return PathField(setting.title, tr("The app's own data folder"))
    if setting.name.endswith("_model"):
        return PathField(setting.title, tr("None"), files=tr("GGUF models (*.gguf)"))
    text = QPlainTextEdit()
    text.setTabChangesFocus(True)
    text.setFixedHeight(96)
    text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return text


def _choice(setting: Setting) -> Choice:
    made = Choice()
    words = setting.words or tuple(choice.replace("_", " ").capitalize() for choice in setting.choices)
    for shown, choice in zip(words, setting.choices, strict=True):
        made.addItem(shown, choice)
    return made


def _whole_number(setting: Setting) -> WholeNumber:
    highest = _INT_LIMIT if setting.highest is None else min(int(setting.highest), _INT_LIMIT)
    return WholeNumber(int(setting.lowest or 0), highest, setting.unit)


def _number(setting: Setting) -> Number:
    return Number(setting.lowest or 0.0, 1e9 if setting.highest is None else setting.highest, setting.unit)
