"""The rule that “best for you” goes by, to be seen and changed."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.theme import scale
from desktop.widgets.controls import label, row
from desktop.widgets.fields import Number
from desktop.widgets.flow_layout import FlowLayout
from engine.measure.choose import Rule

_GB = 1e9


class RuleFields(QWidget):
    """Edit a :class:`Rule`; ``changed`` tells the new one."""

    changed = Signal(object)

    def __init__(self, rule: Rule) -> None:
        super().__init__()
        self.memory = Number(0, 1000, "GB")
        self.memory.setToolTip(self.tr("So much memory stays free for other programs."))
        self.speed = Number(0, 1000, "tokens/s")
        self.speed.setToolTip(self.tr("An answer is written at least so fast. About 5 tokens/s is reading speed."))
        self.divergence = Number(0, 10)
        self.divergence.setToolTip(self.tr("Below 0.01 nobody sees a difference; from about 0.2 on answers get worse."))
        flow = FlowLayout(across=scale.L)
        for words, field in (
            (self.tr("&Leave free"), self.memory),
            (self.tr("At least as &fast as"), self.speed),
            (self.tr("&Divergence at most"), self.divergence),
        ):
            field.setAccessibleDescription(field.toolTip())
            pair = QWidget()
            pair.setLayout(row(label(words, "muted", buddy=field), field))
            flow.addWidget(pair)
        self.setLayout(flow)
        self.show_rule(rule)
        for field in self._fields:
            field.valueChanged.connect(self._on_changed)

    @property
    def rule(self) -> Rule:
        return Rule(round(self.memory.value() * _GB), self.speed.value(), self.divergence.value())

    def show_rule(self, rule: Rule) -> None:
        """Show a rule without telling of it."""
        values = rule.memory_left_bytes / _GB, rule.least_tokens_s, rule.most_divergence
        for field, value in zip(self._fields, values, strict=True):
            field.blockSignals(True)
            field.setValue(value)
            field.blockSignals(False)

    @property
    def _fields(self) -> tuple[Number, ...]:
        return self.memory, self.speed, self.divergence

    @Slot(float)
    def _on_changed(self, _value: float) -> None:
        self.changed.emit(self.rule)
