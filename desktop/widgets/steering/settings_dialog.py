"""The settings of one conversation's answers: what is changed here holds from the next answer on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.steering_words import inherited_words, preset_of, stops_of, stops_text
from desktop.theme import scale
from desktop.widgets.controls import add, button, label, open_size, paragraph, row
from desktop.widgets.scroll_column import ScrollColumn
from desktop.widgets.setting_row import SettingRow
from desktop.widgets.steering.form_row import FormRow
from desktop.widgets.steering.shelf_bar import ShelfBar
from desktop.widgets.steering.texts_row import TextsRow
from desktop.widgets.steering.when_full_field import WhenFullField
from engine.chat.presets import BUNDLED
from engine.chat.steering import LOGPROBS_LIMIT, NUMBERS, Choice, Steering
from engine.errors import InvalidForm, Refused
from engine.settings import TABLE, Setting

_PURPOSE = QT_TR_NOOP(
    "They hold for this conversation, from the next answer on; new ones with this model begin with them."
)
_STOPS_HELP = QT_TR_NOOP("The answer ends before the first of these. One a line; \\n is a line break within one.")
_SIZE = 560, 680
_ODDS_HELP = QT_TR_NOOP(
    "Keep how likely each token was, and so many of the likeliest. “About this answer” shows them. 0: off."
)


class SettingsDialog(QDialog):
    """``changed`` carries the :class:`Choice` at each change."""

    changed = Signal(object)

    def __init__(self, steering: Steering, presets: Mapping[str, Mapping[str, Any]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Model settings"))
        self.choice = steering.choice
        self._steering = steering
        self._presets = presets
        self.bar = ShelfBar(self.tr("&Preset"), self.tr("No preset"), BUNDLED)
        self.bar.chosen.connect(self._on_preset)
        self.rows = {name: self._row(name) for name in NUMBERS}
        self.stops = TextsRow(self.tr("Stop strings"), tr(_STOPS_HELP), 3)
        self.stops.changed.connect(self._on_stops)
        self.form = FormRow()
        self.form.changed.connect(self._on_form)
        odds = Setting("logprobs", 0, self.tr("Token probabilities"), tr(_ODDS_HELP), (), 0, LOGPROBS_LIMIT)
        self.odds = SettingRow(odds, 0)
        self.odds.changed.connect(self._on_odds)
        self.when_full = WhenFullField(steering.settings["when_full"])
        self.when_full.changed.connect(self._on_when_full)
        self.clear = button(self.tr("Use the defaults"), "quiet", "undo")
        self.clear.clicked.connect(self._on_clear)
        self.shut = button(self.tr("Close"), "primary")
        self.shut.clicked.connect(self.accept)
        self._lay_out()
        self.show_choice(self.choice)

    def show_choice(self, choice: Choice) -> None:
        """Show values without telling of them."""
        self.choice = choice
        steering = replace(self._steering, choice=choice)
        for name, line in self.rows.items():
            line.show_value(steering.value(name))
        self.stops.show_text(stops_text(choice.sampling.get("stop", ())))
        kind = next((kind for kind in ("json_schema", "grammar") if choice.sampling.get(kind)), "")
        self.form.show_form(kind, choice.sampling.get(kind, ""))
        self.odds.show_value(choice.sampling.get("logprobs", 0))
        self.when_full.show_way(choice.when_full)
        self._show_state()

    @property
    def thing(self) -> dict[str, Any]:
        """What is to be saved as a preset."""
        return dict(self.choice.sampling)

    def show_things(self, presets: Mapping[str, Mapping[str, Any]]) -> None:
        self._presets = presets
        self._show_state()

    def done(self, result: int) -> None:
        for texts in (self.stops, self.form.text):
            texts.settle()  # Escape leaves no field
        super().done(result)

    def _show_state(self) -> None:
        self.bar.show_things(list(self._presets), preset_of(self._presets, self.choice.sampling))
        self.clear.setEnabled(self.choice != Choice())

    def _row(self, name: str) -> SettingRow:
        """Return the row of a number, whose way back leads to what holds without a choice."""
        inherited, _ = self._steering.inherited(name)
        words = f"{TABLE[name].help} {inherited_words(self._steering, name)}"
        line = SettingRow(replace(TABLE[name], default=inherited, help=words), inherited)
        line.changed.connect(self._on_value)
        return line

    def _take(self, choice: Choice) -> None:
        if choice != self.choice:
            self.choice = choice
            self._show_state()
            self.changed.emit(choice)

    @Slot(str, object)
    def _on_value(self, name: str, value: Any) -> None:
        same = value == self.rows[name].setting.default
        self._take(self.choice.with_value(name, None if same else value))

    @Slot(str)
    def _on_stops(self, text: str) -> None:
        try:
            self._take(self.choice.with_value("stop", stops_of(text) or None))
            self.stops.show_problem("")
        except Refused as error:
            self.stops.show_problem(error.message)

    @Slot(str, str)
    def _on_form(self, kind: str, text: str) -> None:
        """Take a form; one that is wrong leaves the answers without any until it is right."""
        choice = self.choice.with_value("json_schema", None).with_value("grammar", None)
        problem = ""
        try:
            self._take(choice.with_value(kind, text) if text.strip() else choice)
        except InvalidForm as error:
            self._take(choice)
            unused = self.tr("It is not used.")
            problem = f"{error.message} {unused}"
        self.form.text.show_problem(problem)

    @Slot(str, object)
    def _on_odds(self, _name: str, count: int) -> None:
        self._take(self.choice.with_value("logprobs", count or None))

    @Slot(str)
    def _on_when_full(self, way: Any) -> None:
        self._take(replace(self.choice, when_full=way))

    @Slot(str)
    def _on_preset(self, name: str) -> None:
        self._take(replace(self.choice, sampling=self._presets[name]))
        self.show_choice(self.choice)

    @Slot()
    def _on_clear(self) -> None:
        self._take(Choice())
        self.show_choice(self.choice)
        self.shut.setFocus()

    def _lay_out(self) -> None:
        open_size(self, *_SIZE)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(scale.XS, 0, scale.M, 0)
        inner.setSpacing(scale.S)
        full = label(self.tr("When the context is full"), buddy=self.when_full)
        add(inner, [*self.rows.values(), self.stops, self.form, self.odds, scale.S, full, self.when_full, None])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        add(layout, [label(self.tr("Model settings"), "heading"), paragraph(tr(_PURPOSE)), self.bar])
        layout.addWidget(ScrollColumn(content, self.tr("Settings of the answers")), 1)
        add(layout, [row(self.clear, None, self.shut)])
