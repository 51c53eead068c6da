"""A path that is typed, dropped or chosen."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from desktop.widgets.controls import button, row


class PathField(QWidget):
    """A line and a button that opens the system's dialog for folders, or for ``files`` as Qt's filters name them.

    ``changed`` comes when the person is done.
    """

    changed = Signal(Path)

    def __init__(self, name: str, placeholder: str = "", browse: str = "", files: str = "") -> None:
        super().__init__()
        self._name = name
        self._files = files
        browse = browse or self.tr("Browse…")
        self.line = QLineEdit()
        self.line.setAccessibleName(name)
        self.line.setPlaceholderText(placeholder)
        self.line.setClearButtonEnabled(False)
        self.line.editingFinished.connect(self._on_edited)
        self.browse = button(browse, "", "folder")
        self.browse.setAccessibleName(f"{browse.rstrip('…')}: {name}")
        self.browse.clicked.connect(self._on_browse)
        layout = row(self.line, self.browse)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.setFocusProxy(self.line)
        self._told = ""

    @property
    def text(self) -> str:
        return self.line.text().strip()

    def set_path(self, path: Path | None) -> None:
        """Show a path without telling of it."""
        self._told = str(path) if path else ""
        self.line.setText(self._told)

    @Slot()
    def _on_edited(self) -> None:
        if self.text != self._told:
            self._told = self.text
            self.changed.emit(Path(self.text).expanduser() if self.text else Path())

    @Slot()
    def _on_browse(self) -> None:
        if self._files:
            chosen, _ = QFileDialog.getOpenFileName(self, self._name, self.text, self._files)
        else:
            chosen = QFileDialog.getExistingDirectory(self, self._name, self.text)
        if chosen:
            self.line.setText(chosen)
            self._on_edited()
