"""Search the Hub: what to look for, how to sort it, and what was found."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.models.found_model import FoundPage, FoundRow, FoundTableModel
from desktop.quantities import number
from desktop.theme import scale
from desktop.widgets.controls import add, button, fill, frame, label, row
from desktop.widgets.discover.found_table import FoundTable
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.fields import Choice
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.progress_line import ProgressLine
from engine.catalog.hub.values import Query

_SORTS = {
    "trending": QT_TR_NOOP("Trending"),
    "downloads": QT_TR_NOOP("Most downloads"),
    "likes": QT_TR_NOOP("Most likes"),
    "recent": QT_TR_NOOP("Newest"),
}
_FORMATS = {
    "": QT_TR_NOOP("Any format"),
    "gguf": "GGUF",
    "safetensors": "Safetensors",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "bitsandbytes": "bitsandbytes",
}
_TASKS = {
    "text-generation": QT_TR_NOOP("Text"),
    "image-text-to-text": QT_TR_NOOP("Text and pictures"),
    "any-to-any": QT_TR_NOOP("Any to any"),
    "": QT_TR_NOOP("Any task"),
}
ADDRESS = re.compile(r"(?:https?://|hf://|hf\.co/|(?:www\.)?huggingface\.co/)\S+|[\w.\-]+/[\w.\-]+(?:[:@/]\S*)?")


class SearchPane(QWidget):
    """``search_wanted`` asks for a :class:`Query`, ``more_wanted`` for its next page, ``model_wanted`` for a model by
    its name or address. ``stop_wanted`` gives a search up.
    """

    search_wanted = Signal(object)
    more_wanted = Signal()
    model_wanted = Signal(str)
    stop_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._asked, self._busy = False, False
        self._next = ""
        self._make_bar()
        self.busy = ProgressLine(self.tr("Searching"))
        self.count = label("", "caption", wraps=True)
        self.found = FoundTableModel()
        self.table = FoundTable(self.found)
        self.table.opened.connect(self.model_wanted)
        self.more = button(self.tr("Show more"))
        self.more.clicked.connect(self.more_wanted)
        self._make_empty_states()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(scale.M)
        add(layout, [self.bar, self.busy, self.count, self.table, row(None, self.more, None)])
        add(layout, [self.start, self.nothing, self.unreachable, None])
        self._show(self.start)

    @property
    def query(self) -> Query:
        """What the controls ask for now."""
        kind = self.format.currentData()
        tags = (kind,) if kind else ()
        return Query(self.field.text(), self.author.text(), self.task.currentData(), tags, self.sort.currentData())

    @Slot()
    def search(self) -> None:
        """Search for what the controls say, or open the model whose name or address was entered."""
        text = self.field.text().strip()
        if ADDRESS.fullmatch(text):
            self.model_wanted.emit(text)
            return
        self._asked = True
        self.search_wanted.emit(self.query)

    def show_busy(self, more: bool = False) -> None:
        self.busy.restart(self.tr("Asking the Hub for more…") if more else self.tr("Asking the Hub…"))
        self.busy.show()
        self._busy = True
        self.go.setText(self.tr("Stop"))
        self.go.setAccessibleName(self.tr("Stop"))
        self.more.setEnabled(False)
        for state in (self.start, self.nothing, self.unreachable):
            if state.isAncestorOf(QApplication.focusWidget() or self):
                self.go.setFocus()  # otherwise it would leave the page with its button
            state.hide()

    def show_page(self, page: FoundPage, *, more: bool) -> None:
        """Show the first page of a search, or add the next one; the row that has the focus keeps it."""
        self._next = page.next
        known = {row.model.name for row in self.found.rows} if more else set()
        rows = (*self.found.rows, *(each for each in page.rows if each.model.name not in known)) if more else page.rows
        self.show_rows(rows)
        self.rest()

    def show_rows(self, rows: tuple[FoundRow, ...]) -> None:
        """Show rows in the place of those that are there."""
        current = self.table.currentIndex().row()
        self.found.show_rows(rows)
        if 0 <= current < len(rows):
            self.table.setCurrentIndex(self.found.index(current, 0))
        if self._next:
            words = self.tr("{count} models. How they run here is estimated from their size.")
        else:
            words = self.tr("{count} models, and that is all. How they run here is estimated from their size.")
        self.count.setText(words.format(count=number(len(rows))))

    def rest(self) -> None:
        """Show what there is: nothing runs."""
        self.busy.hide()
        self._busy = False
        self.go.setText(self.tr("Search"))
        self.go.setAccessibleName(self.tr("Search"))
        self.more.setEnabled(True)
        self._show(self.table if self.found.rows else self.nothing if self._asked else self.start)

    def show_unreachable(self, reason: str) -> None:
        """Say why the Hub cannot be reached; what was found before stays."""
        self.rest()
        self.unreachable.sentence.setText(reason)
        if not self.found.rows:
            self._show(self.unreachable)

    def _make_bar(self) -> None:
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Name of a model, or paste its address"))
        self.field.setClearButtonEnabled(True)
        self.field.returnPressed.connect(self.search)
        self.go = button(self.tr("Search"), "primary")
        self.go.clicked.connect(self._on_go)
        self.sort = self._choice(_SORTS)
        self.format = self._choice(_FORMATS)
        self.task = self._choice(_TASKS)
        self.author = QLineEdit()
        self.author.setPlaceholderText(self.tr("Any publisher"))
        self.author.setMaximumWidth(180)
        self.author.returnPressed.connect(self.search)
        name = label(self.tr("&Model"), "muted", buddy=self.field)
        top = row(name, self.field, self.go)
        top.setStretch(1, 1)
        filters = QWidget()
        filters.setLayout(FlowLayout(*self._filters(), across=scale.L))
        self.bar = frame("card")
        fill(self.bar, top, filters)

    def _filters(self) -> list[QWidget]:
        fields = {
            self.tr("S&ort"): self.sort,
            self.tr("&Format"): self.format,
            self.tr("Tas&k"): self.task,
            self.tr("&Publisher"): self.author,
        }
        pairs = []
        for text, field in fields.items():
            pair = QWidget()
            pair.setLayout(row(label(text, "muted", buddy=field), field))
            pairs.append(pair)
        return pairs

    def _choice(self, choices: Mapping[str, str]) -> Choice:
        made = Choice()
        for value, words in choices.items():
            made.addItem(tr(words), value)
        made.activated.connect(self._on_filter)
        return made

    def _make_empty_states(self) -> None:
        self.trending = button(self.tr("Show what is trending"), "primary")
        self.trending.clicked.connect(self._on_trending)
        self.start = EmptyState(
            "discover",
            self.tr("Find a model"),
            self.tr(
                "Search the Hugging Face Hub, or paste a model's address. Each row says how the model would run on "
                "this computer. Nothing is sent before you search."
            ),
            self.trending,
        )
        self.all_tasks = button(self.tr("Search everywhere"))
        self.all_tasks.clicked.connect(self._on_everywhere)
        self.nothing = EmptyState(
            "discover",
            self.tr("Nothing was found"),
            self.tr("Try fewer words, or search without the filters."),
            self.all_tasks,
        )
        self.again = button(self.tr("Try again"), "primary")
        self.again.clicked.connect(self.search)
        self.unreachable = EmptyState("warning", self.tr("The Hub cannot be reached"), "", self.again)

    def _show(self, shown: QWidget) -> None:
        self.busy.hide()
        for widget in (self.table, self.start, self.nothing, self.unreachable):
            widget.setVisible(widget is shown)
        self.count.setVisible(shown is self.table)
        self.more.setVisible(shown is self.table and bool(self._next))

    @Slot()
    def _on_go(self) -> None:
        if self._busy:
            self.stop_wanted.emit()
        else:
            self.search()

    @Slot()
    def _on_filter(self) -> None:
        if self._asked:
            self._asked = True
            self.search_wanted.emit(self.query)

    @Slot()
    def _on_trending(self) -> None:
        self.field.clear()
        self.search()

    @Slot()
    def _on_everywhere(self) -> None:
        self.author.clear()
        self.format.setCurrentIndex(0)
        self.task.setCurrentIndex(self.task.findData(""))
        self.search()
