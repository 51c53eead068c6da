"""All that is known of one answer, and its tokens with their probabilities where they were told."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.answer_facts import answer_facts
from desktop.theme import scale
from desktop.widgets.chat.tokens_view import TokensView
from desktop.widgets.controls import add, button, label, open_size, paragraph, row
from desktop.widgets.fact_list import FactList
from desktop.widgets.scroll_column import ScrollColumn
from engine.chat.conversation import Message
from engine.events import Odds

_NO_ODDS = QT_TR_NOOP(
    "How likely each token was is told of answers that it was asked for before, in the model settings."
)
_SIZE = 600, 640


class AnswerDialog(QDialog):
    """Open it with ``open()``."""

    def __init__(self, message: Message, odds: Sequence[Odds], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("About this answer"))
        open_size(self, *_SIZE)
        self.facts = FactList(answer_facts(message))
        self.tokens = TokensView(odds) if odds else None
        self.shut = button(self.tr("Close"), "primary")
        self.shut.clicked.connect(self.accept)
        content = QWidget()
        inner = QVBoxLayout(content)
        inner.setContentsMargins(0, 0, scale.M, 0)
        inner.setSpacing(scale.M)
        if self.tokens:
            add(inner, [label(self.tr("Tokens"), "strong"), self.tokens, label(self.tr("Details"), "strong")])
        add(inner, [self.facts, *([] if odds else [paragraph(tr(_NO_ODDS), "caption")]), None])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.XL, scale.XL, scale.L)
        layout.setSpacing(scale.M)
        layout.addWidget(label(self.tr("About this answer"), "heading"))
        layout.addWidget(ScrollColumn(content, self.tr("About this answer")), 1)
        add(layout, [row(None, self.shut)])
        (self.tokens.text if self.tokens else self.shut).setFocus()
