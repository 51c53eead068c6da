"""Search the Hub: what to look for, how to sort it, and what was found."""

from __future__ import annotations

import re
from collections.abc import Mapping

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from desktop.models.found_model import FoundPage, FoundRow, FoundTableModel
from desktop.theme import scale
from desktop.widgets.controls import add, button, fill, frame, label, row
from desktop.widgets.discover.found_table import FoundTable
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.fields import Choice
from desktop.widgets.flow_layout import FlowLayout
from desktop.widgets.progress_line import ProgressLine
from engine.catalog.hub.values import Query

_SORTS = {"trending": "Trending", "downloads": "Most downloads", "likes": "Most likes", "recent": "Newest"}
_FORMATS = {
    "": "Any format",
    "gguf": "GGUF",
    "safetensors": "Safetensors",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "bitsandbytes": "bitsandbytes",
}
_TASKS = {
    "text-generation": "Text",
    "image-text-to-text": "Text and pictures",
    "any-to-any": "Any to any",
    "": "Any task",
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
        self._asked = False
        self._next = ""
        self._make_bar()
        self.busy = ProgressLine("Searching")
        self.count = label("", "caption", wraps=True)
        self.found = FoundTableModel()
        self.table = FoundTable(self.found)
        self.table.opened.connect(self.model_wanted)
        self.more = button("Show more")
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
        self.busy.restart("Asking the Hub for more…" if more else "Asking the Hub…")
        self.busy.show()
        self.go.setText("Stop")
        self.go.setAccessibleName("Stop")
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
        last = "" if self._next else ", and that is all"
        self.count.setText(f"{len(rows):,} models{last}. How they run here is estimated from their size.")

    def rest(self) -> None:
        """Show what there is: nothing runs."""
        self.busy.hide()
        self.go.setText("Search")
        self.go.setAccessibleName("Search")
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
        self.field.setPlaceholderText("Name of a model, or paste its address")
        self.field.setClearButtonEnabled(True)
        self.field.returnPressed.connect(self.search)
        self.go = button("Search", "primary")
        self.go.clicked.connect(self._on_go)
        self.sort = self._choice(_SORTS)
        self.format = self._choice(_FORMATS)
        self.task = self._choice(_TASKS)
        self.author = QLineEdit()
        self.author.setPlaceholderText("Any publisher")
        self.author.setMaximumWidth(180)
        self.author.returnPressed.connect(self.search)
        name = label("&Model", "muted", buddy=self.field)
        top = row(name, self.field, self.go)
        top.setStretch(1, 1)
        filters = QWidget()
        filters.setLayout(FlowLayout(*self._filters(), across=scale.L))
        self.bar = frame("card")
        fill(self.bar, top, filters)

    def _filters(self) -> list[QWidget]:
        fields = {"S&ort": self.sort, "&Format": self.format, "Tas&k": self.task, "&Publisher": self.author}
        pairs = []
        for text, field in fields.items():
            pair = QWidget()
            pair.setLayout(row(label(text, "muted", buddy=field), field))
            pairs.append(pair)
        return pairs

    def _choice(self, choices: Mapping[str, str]) -> Choice:
        made = Choice()
        for value, words in choices.items():
            made.addItem(words, value)
        made.activated.connect(self._on_filter)
        return made

    def _make_empty_states(self) -> None:
        self.trending = button("Show what is trending", "primary")
        self.trending.clicked.connect(self._on_trending)
        self.start = EmptyState(
            "discover",
            "Find a model",
            "Search the Hugging Face Hub, or paste a model's address. Each row says how the model would run on this "
            "computer. Nothing is sent before you search.",
            self.trending,
        )
        self.all_tasks = button("Search everywhere")
        self.all_tasks.clicked.connect(self._on_everywhere)
        self.nothing = EmptyState(
            "discover", "Nothing was found", "Try fewer words, or search without the filters.", self.all_tasks
        )
        self.again = button("Try again", "primary")
        self.again.clicked.connect(self.search)
        self.unreachable = EmptyState("warning", "The Hub cannot be reached", "", self.again)

    def _show(self, shown: QWidget) -> None:
        self.busy.hide()
        for widget in (self.table, self.start, self.nothing, self.unreachable):
            widget.setVisible(widget is shown)
        self.count.setVisible(shown is self.table)
        self.more.setVisible(shown is self.table and bool(self._next))

    @Slot()
    def _on_go(self) -> None:
        if self.go.text() == "Stop":
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
