"""The frame: a sidebar, the pages, and the running jobs below. What the pages do is wired in :mod:`desktop.app`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QSettings, QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from desktop.jobs import Jobs
from desktop.language import QT_TR_NOOP
from desktop.theme.icons import app_icon
from desktop.widgets.drop_zone import model_path
from desktop.widgets.job_bar import JobBar
from desktop.widgets.sidebar import Place, Sidebar
from desktop.widgets.tour import TourStrip

PLACES = (
    Place("machine", QT_TR_NOOP("Machine"), "machine"),
    Place("suggestion", QT_TR_NOOP("Suggestion"), "suggestion"),
    Place("discover", QT_TR_NOOP("Discover"), "discover"),
    Place("downloads", QT_TR_NOOP("Downloads"), "download"),
    Place("library", QT_TR_NOOP("Library"), "library"),
    Place("convert", QT_TR_NOOP("Convert"), "convert"),
    Place("compare", QT_TR_NOOP("Compare"), "compare"),
    Place("chat", QT_TR_NOOP("Chat"), "chat"),
    Place("servers", QT_TR_NOOP("Servers"), "servers"),
    Place("settings", QT_TR_NOOP("Settings"), "settings", last=True),
)
_SIDEBAR_WORDS_FROM = 900  # a narrower window has only the icons
_GEOMETRY, _PAGE, _TOUR_SEEN = "window/geometry", "window/page", "window/tour_seen"


class Window(QMainWindow):
    """Show one of the ``pages`` (by place name) at a time. ``closing`` comes when the person closes the window.

    ``dropped`` tells the path of a model that was dropped where no page wanted it.
    """

    closing = Signal()
    dropped = Signal(Path)

    def __init__(self, pages: Mapping[str, QWidget], jobs: Jobs, store: QSettings) -> None:
        super().__init__()
        self.setWindowTitle("Halfbyte")
        self.setWindowIcon(app_icon())
        self.setMinimumSize(QSize(560, 400))
        self.setAcceptDrops(True)
        self._store = store
        self._pages = dict(pages)
        self._stack = QStackedWidget()
        self.sidebar = Sidebar([place for place in PLACES if place.name in pages])
        self.sidebar.chosen.connect(self.show_page)
        for number, (name, page) in enumerate(pages.items(), 1):
            self._stack.addWidget(page)
            QShortcut(QKeySequence(f"Ctrl+{number % 10}"), self, self._on_shortcut).setObjectName(name)
        self.tour = TourStrip()
        self.tour.page_wanted.connect(self.show_page)
        self.tour.ended.connect(self._on_tour_ended)
        self.setCentralWidget(self._frame(JobBar(jobs)))
        self._restore()

    @property
    def page(self) -> str:
        """The name of the page that is shown."""
        shown = self._stack.currentWidget()
        return next(name for name, page in self._pages.items() if page is shown)

    @Slot(str)
    def show_page(self, name: str) -> None:
        self._stack.setCurrentWidget(self._pages[name])
        self.sidebar.set_current(name)
        self.setWindowTitle(f"{self._pages[name].accessibleName()} – Halfbyte")

    def offer_tour(self) -> None:
        """Start the tour, unless it was seen or skipped before."""
        if not self._store.contains(_TOUR_SEEN):
            self.tour.start()

    def come_to_front(self) -> None:
        """Be seen and have the keyboard, also if minimised or behind others."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.sidebar.set_wide(self.width() >= _SIDEBAR_WORDS_FROM)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if model_path(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = model_path(event.mimeData())
        if path:
            event.acceptProposedAction()
            self.dropped.emit(path)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._store.setValue(_GEOMETRY, self.saveGeometry())
        self._store.setValue(_PAGE, self.page)
        self.hide()  # ending what runs may take a moment, which nobody has to watch
        self.closing.emit()
        super().closeEvent(event)

    def _frame(self, bar: JobBar) -> QWidget:
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(self.tour)
        right.addWidget(self._stack, 1)
        right.addWidget(bar)
        frame = QWidget()
        across = QHBoxLayout(frame)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.sidebar)
        across.addLayout(right, 1)
        return frame

    def _restore(self) -> None:
        geometry = self._store.value(_GEOMETRY)
        if geometry is None or not self.restoreGeometry(geometry):
            self._take_usual_size()
        name = self._store.value(_PAGE)
        self.show_page(name if name in self._pages else next(iter(self._pages)))

    def _take_usual_size(self) -> None:
        room = self.screen().availableSize()
        self.resize(QSize(1180, 800).boundedTo(room * 0.95))

    @Slot()
    def _on_tour_ended(self) -> None:
        self._store.setValue(_TOUR_SEEN, True)
        self._enter(self.page)

    @Slot()
    def _on_shortcut(self) -> None:
        name = self.sender().objectName()
        self.show_page(name)
        self._enter(name)

    def _enter(self, name: str) -> None:
        """Give the keyboard to a page."""
        page = self._pages[name]
        if hasattr(page, "focus_first"):
            page.focus_first()  # type: ignore[attr-defined]
        else:
            page.setFocus(Qt.FocusReason.ShortcutFocusReason)
