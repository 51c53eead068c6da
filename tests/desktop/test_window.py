"""The frame: pages, keys, size, and the jobs below."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QProgressBar, QPushButton

from desktop.jobs import Jobs
from desktop.pages.library import LibraryPage
from desktop.pages.machine import MachinePage
from desktop.pages.settings import SettingsPage
from desktop.widgets.job_bar import JobBar
from desktop.window import PLACES, Window
from engine.events import Finished, Progress
from engine.settings import DEFAULTS
from tests.desktop.test_jobs import Steps
from tests.helpers.hands import press, words_on
from tests.helpers.places import key_of


@pytest.fixture
def store(tmp_path):
    return QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def jobs():
    jobs = Jobs()
    yield jobs
    jobs.close()


def make(qtbot, jobs, store, tmp_path) -> Window:
    pages = {"machine": MachinePage(), "library": LibraryPage(tmp_path), "settings": SettingsPage(DEFAULTS)}
    window = Window(pages, jobs, store)
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def window(qtbot, jobs, store, tmp_path):
    return make(qtbot, jobs, store, tmp_path)


def test_the_places_are_in_the_order_of_the_work():
    order = "machine suggestion discover downloads library convert compare chat servers settings"
    assert [place.name for place in PLACES] == order.split()


def test_each_place_has_a_digit():
    assert len(PLACES) <= 10  # the tenth has Ctrl+0
    assert [key_of(place) for place in ("machine", "servers", "settings")] == ["ctrl+1", "ctrl+9", "ctrl+0"]


def test_the_first_page_is_shown(window):
    assert window.page == "machine"
    assert window.windowTitle() == "Machine – Halfbyte"


def test_pages_are_reached_by_mouse(window):
    press(window.sidebar.button("library"))
    assert window.page == "library"


def test_pages_are_reached_by_ctrl_and_digit(window, qtbot):
    qtbot.keyClick(window, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "library"
    assert window.sidebar.button("library").isChecked()
    assert window.focusWidget().accessibleName() == "Refresh"
    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    assert window.page == "settings"


def test_pages_are_reached_by_arrow_keys_around(window, qtbot):
    window.sidebar.button("machine").setFocus()
    seen = []
    for _ in range(3):
        qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Down)
        seen.append(window.page)
    assert seen == ["library", "settings", "machine"]
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Up)
    assert window.page == "settings"


def test_a_small_window_has_icons_only(window):
    window.resize(1200, 700)
    wide = window.sidebar.width()
    window.resize(600, 450)
    assert window.sidebar.width() < wide / 2
    assert window.sidebar.button("library").accessibleName() == "Library"


def test_size_and_page_are_remembered(window, qtbot, jobs, store, tmp_path):
    window.resize(720, 560)
    window.show_page("library")
    with qtbot.waitSignal(window.closing):
        window.close()
    again = make(qtbot, jobs, store, tmp_path)
    assert (again.width(), again.height()) == (720, 560)
    assert again.page == "library"


def test_a_spoilt_memory_is_forgotten(qtbot, jobs, store, tmp_path):
    store.setValue("window/geometry", b"nonsense")
    store.setValue("window/page", "gone")
    assert make(qtbot, jobs, store, tmp_path).page == "machine"


def test_a_running_job_is_listed_and_cancelled(window, qtbot, jobs):
    bar = window.findChild(JobBar)
    assert not bar.isVisible()
    thread = jobs.start(Steps(Progress("Writing", 30, 100, "files", 10, 7), 60.0, Finished()), "Converting")
    qtbot.waitUntil(lambda: "Writing: 30 of 100 files · 10 files/s · 7 s left" in words_on(bar))
    assert bar.findChild(QProgressBar).value() == 300
    (cancel,) = bar.findChildren(QPushButton)
    assert cancel.accessibleName() == "Cancel: Converting"
    with qtbot.waitSignal(thread.failed):
        press(cancel)
    assert not bar.isVisible()


def test_a_job_without_a_title_is_not_listed(window, jobs):
    jobs.start(Steps(60.0, Finished()))
    assert not window.findChild(JobBar).isVisible()
