"""What Halfbyte is for, in three steps above the pages: each leads to the page that it speaks of."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QVBoxLayout

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.controls import button, icon_button, label, row


@dataclass(frozen=True, slots=True)
class Step:
    """What is said of a page."""

    page: str
    title: str
    words: str


STEPS = (
    Step(
        "machine",
        QT_TR_NOOP("Your machine"),
        QT_TR_NOOP("Halfbyte has looked at the memory, processor and graphics cards: they say what runs here."),
    ),
    Step(
        "suggestion",
        QT_TR_NOOP("A model that fits it"),
        QT_TR_NOOP("Choose a model: Halfbyte ranks its formats for this machine and says why. Discover has more."),
    ),
    Step(
        "chat",
        QT_TR_NOOP("Your first question"),
        QT_TR_NOOP("A small starter model is ready, without a download. What you ask it stays on this computer."),
    ),
)


class TourStrip(QFrame):
    """Hidden until :meth:`start`. ``page_wanted`` names each step's page; ``ended`` comes once it is closed.

    Escape closes it while it has the keyboard.
    """

    page_wanted = Signal(str)
    ended = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "tour")
        self._number = 0
        self._title = label("", "strong", wraps=True)
        self._words = label("", "", wraps=True)
        self.back = button(self.tr("Back"), "quiet")
        self.back.clicked.connect(self._on_back)
        self.next = button(self.tr("Next"), "primary")
        self.next.clicked.connect(self._on_next)
        self.close_it = icon_button("close", self.tr("Skip the tour"))
        self.close_it.clicked.connect(self.end)
        for each in (self.back, self.next):
            each.setAutoDefault(True)  # Enter presses it too
        layout = QVBoxLayout(self)
        layout.setContentsMargins(scale.XL, scale.M, scale.M, scale.M)
        layout.setSpacing(scale.XS)
        head = row(self._title, self.back, self.next, self.close_it)
        head.setStretch(0, 1)
        layout.addLayout(head)
        layout.addWidget(self._words)
        escape = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        escape.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        escape.activated.connect(self.end)
        self.hide()

    @Slot()
    def start(self) -> None:
        """Show the first step, with the keyboard on the way to the next one."""
        self.show()
        self._show(0)
        self.next.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def end(self) -> None:
        self.hide()
        self.ended.emit()

    def _show(self, number: int) -> None:
        self._number = number
        step = STEPS[number]
        title = self.tr("{number} of {count}: {title}").format(
            number=number + 1, count=len(STEPS), title=tr(step.title)
        )
        self._title.setText(title)
        self._words.setText(tr(step.words))
        self.setAccessibleName(self.tr("Tour, {title}").format(title=title))
        self.next.setText(self.tr("Done") if number == len(STEPS) - 1 else self.tr("Next"))
        self.next.setAccessibleName(self.next.text())
        self.next.setAccessibleDescription(f"{title}. {self._words.text()}")
        self.back.setEnabled(number > 0)
        self.page_wanted.emit(step.page)

    @Slot()
    def _on_back(self) -> None:
        self._show(self._number - 1)
        if not self.back.isEnabled():
            self.next.setFocus(Qt.FocusReason.OtherFocusReason)

    @Slot()
    def _on_next(self) -> None:
        if self._number + 1 < len(STEPS):
            self._show(self._number + 1)
        else:
            self.end()
