"""Where models lie: the library's folder, the places that the person added, and whether other apps are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QFileDialog, QVBoxLayout, QWidget

from desktop.theme import scale
from desktop.widgets.card import Card
from desktop.widgets.controls import button, clear, icon_button, label, paragraph, row

_APPS = "Of LM Studio, Ollama, Jan, GPT4All, and the caches of Hugging Face and llama.cpp. They are never changed."


class PlacesCard(Card):
    """``move_wanted`` tells a folder for the library, ``forget_wanted`` one to forget; ``apps_wanted`` yes or no."""

    move_wanted = Signal(Path)
    forget_wanted = Signal(Path)
    apps_wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__("Where your models lie", "folder")
        self.library = paragraph("", "")
        self.move_button = button("Move the library…", "quiet", "disk")
        self.move_button.clicked.connect(self._on_move)
        self.apps = QCheckBox("Also show models of other apps")
        self.apps.setAccessibleDescription(_APPS)
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
        self.body.addWidget(label(_APPS, "caption", wraps=True))

    def show_folder(self, folder: Path) -> None:
        self.library.setText(f"Models are kept in {folder}")

    def show_places(self, places: Sequence[Path], apps: bool) -> None:
        clear(self._lines)
        for place in places:
            forget = icon_button("close", f"Forget {place}")
            forget.clicked.connect(partial(self._on_forget, place))
            gone = "" if place.exists() else " (not there now)"
            line = QWidget()
            layout = row(paragraph(f"Used in place: {place}{gone}", ""), forget)
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
        chosen = QFileDialog.getExistingDirectory(self, "Move the library to this folder")
        if chosen:
            self.move_wanted.emit(Path(chosen))
