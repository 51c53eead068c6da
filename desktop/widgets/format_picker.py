"""Choose the format to make, each with its quality: those that are suggested, then all others."""

from __future__ import annotations

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QWidget

from desktop.quantities import short_number
from desktop.widgets.controls import column, label, row
from desktop.widgets.fields import Choice
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.recipes import RECIPES
from engine.formats import FORMATS, MORE_FORMATS, Format, format_named


class FormatPicker(QWidget):
    """List the formats that Halfbyte can make; ``chosen`` tells a format's id."""

    chosen = Signal(str)

    def __init__(self, format_id: str) -> None:
        super().__init__()
        self.list = Choice()
        self.list.setMinimumContentsLength(24)
        self.list.setMaxVisibleItems(20)
        for entry in FORMATS.values():
            if entry.id in RECIPES or entry.id in FOLDER_RECIPES:
                self.list.addItem(f"{entry.label} – {entry.quality.words}", entry.id)
        for recipe in FOLDER_RECIPES.values():
            if recipe.id not in FORMATS:  # another maker of a format that is listed
                self.list.addItem(f"{recipe.level} – {FORMATS[recipe.format_id].quality.words}", recipe.id)
        self.list.insertSeparator(self.list.count())
        for entry in MORE_FORMATS.values():
            if entry.id in RECIPES:
                self.list.addItem(f"{entry.label} – {entry.quality.words}", entry.id)
        self.name = label(self.tr("&Format"), "muted", buddy=self.list)
        self.about = label("", "caption", wraps=True)
        layout = row(self.name, column(self.list), self.about)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        self.choose(format_id)
        self.list.activated.connect(self._on_activated)

    @property
    def format(self) -> Format:
        recipe = FOLDER_RECIPES.get(self.recipe_id)
        made = format_named(recipe.format_id if recipe else self.recipe_id)
        assert made is not None
        return made

    @property
    def recipe_id(self) -> str:
        """Return the format's id, or that of another way to make it."""
        return self.list.currentData()

    def choose(self, format_id: str) -> None:
        """Choose a format without telling of it."""
        self.list.setCurrentIndex(self.list.findData(format_id))
        self.about.setText(self.tr("about {bits} bits for each weight").format(bits=short_number(self.format.bits)))

    @Slot()
    def _on_activated(self) -> None:
        self.choose(self.recipe_id)
        self.chosen.emit(self.recipe_id)
