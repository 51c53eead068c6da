"""A place that takes model folders and GGUF files dropped from the file manager."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout

from desktop.theme import scale
from desktop.widgets.controls import label, restyle


class DropZone(QFrame):
    """Show where to drop; ``dropped`` tells the path."""

    dropped = Signal(Path)

    def __init__(self, words: str) -> None:
        super().__init__()
        self.setProperty("role", "dropzone")
        self.setAccessibleName(words)
        self.setAcceptDrops(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(scale.L, scale.M, scale.L, scale.M)
        text = label(words, "muted", wraps=True)
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(text)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if model_path(event.mimeData()):
            event.acceptProposedAction()
            restyle(self, over=True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        restyle(self, over=False)

    def dropEvent(self, event: QDropEvent) -> None:
        restyle(self, over=False)
        path = model_path(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.dropped.emit(path)


def model_path(data: QMimeData) -> Path | None:
    """Return the first dropped path that may be a model: a folder or a ``.gguf`` file."""
    for url in data.urls():
        path = Path(url.toLocalFile())
        if url.isLocalFile() and (path.is_dir() or path.suffix == ".gguf"):
            return path
    return None
