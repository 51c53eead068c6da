"""What runs here and under which licences, and what a bug report needs."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QGuiApplication

from desktop.faults import versions
from desktop.language import QT_TR_NOOP, tr
from desktop.widgets.card import Card
from desktop.widgets.controls import button, label
from desktop.widgets.fact_list import FactList
from desktop.widgets.flow_layout import FlowLayout

_LICENCES = QT_TR_NOOP(
    "Halfbyte: Apache 2.0. It stands on llama.cpp (MIT), Qt and PySide6 (LGPL 3), and brings SmolLM2 (Apache 2.0) "
    "as its starter model."
)
_HELP = QT_TR_NOOP("Diagnostics are versions, this machine, the log and the last crash report; nothing that you wrote.")


class AboutCard(Card):
    """``diagnostics_wanted`` asks for the text that :meth:`copy_text` puts on the clipboard."""

    diagnostics_wanted = Signal()
    tour_wanted = Signal()

    def __init__(self) -> None:
        super().__init__(self.tr("About Halfbyte"), "info")
        self.copy = button(self.tr("Copy diagnostics"), "", "copy")
        self.copy.clicked.connect(self.diagnostics_wanted)
        self.tour = button(self.tr("Show the tour again"))
        self.tour.clicked.connect(self.tour_wanted)
        self.body.addWidget(FactList(_facts()))
        self.body.addWidget(label(tr(_LICENCES), "", wraps=True))
        self.body.addWidget(label(tr(_HELP), "caption", wraps=True))
        self.body.addLayout(FlowLayout(self.copy, self.tour))

    @Slot(object)
    def copy_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.copy.setText(self.tr("Copied"))
        self.copy.setAccessibleName(self.tr("Copied"))


def _facts() -> list[tuple[str, str]]:
    """Return the versions as names and values."""
    pairs = (line.partition(" ") for line in versions().splitlines())
    return [(name, value) for name, _, value in pairs]
