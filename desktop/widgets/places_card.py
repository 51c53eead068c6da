"""Where models lie: the library's folder, the places that the person added, and whether other apps are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from desktop.language import QT_TR_NOOP, tr
from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, clear, icon_button, label, paragraph, row

_APPS = QT_TR_NOOP(
    "Of LM Studio, Ollama, Jan, GPT4All, and the caches of Hugging Face and llama.cpp. They are never changed."
)


class PlacesCard(Card):
    """``move_wanted`` tells a folder for the library, ``forget_wanted`` one to forget; ``apps_wanted`` yes or no."""

    move_wanted = Signal(Path)
    forget_wanted = Signal(Path)
    apps_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__(self.tr("Where your models lie"), "folder")
        self.library = paragraph("", "")
        self.move_button = button(self.tr("Move the library…"), "quiet", "disk")
        self.move_button.clicked.connect(self._on_move)
        self.apps = QCheckBox(self.tr("Also show models of other apps"))
        self.apps.setAccessibleDescription(tr(_APPS))
        self.apps.toggled.connect(self.apps_wanted)
        line = row(self.library, self.move_button, spacing=scale.M)
        line.setStretch(0, 1)
        self._added = QWidget()
        self._lines = QVBoxLayout(self._added)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(scale.XS)
        self.body.addLayout(line)
        self.body.addWidget(self._added)
        self.body.addWidget(self.apps)
        self.body.addWidget(label(tr(_APPS), "caption", wraps=True))

    def show_folder(self, folder: Path) -> None:
        self.library.setText(self.tr("Models are kept in {folder}").format(folder=folder))

    def show_places(self, places: Sequence[Path], apps: bool) -> None:
        clear(self._lines)
        for place in places:
            forget = icon_button("close", self.tr("Forget {place}").format(place=place))
            forget.clicked.connect(partial(self._on_forget, place))
            here, gone = self.tr("Used in place: {place}"), self.tr("Used in place: {place} (not there now)")
            words = (here if place.exists() else gone).format(place=place)
            line = QWidget()
            layout = row(paragraph(words, ""), forget)
            layout.setStretch(0, 1)
            line.setLayout(layout)
            self._lines.addWidget(line)
        self._added.setVisible(bool(places))
        self.apps.blockSignals(True)
        self.apps.setChecked(apps)
        self.apps.blockSignals(False)

    def _on_forget(self, place: Path, _checked: bool = False) -> None:
        self.forget_wanted.emit(place)

    def _on_move(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Move the library to this folder"))
        if chosen:
            self.move_wanted.emit(Path(chosen))
