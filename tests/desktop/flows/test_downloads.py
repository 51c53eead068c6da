"""The downloads page on a real line, with the local Hub and real jobs."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QWidget

from desktop.flows.downloads import DownloadsFlow
from desktop.flows.state import State as Shared
from desktop.jobs import Jobs
from desktop.models.download_words import Deed
from desktop.pages.downloads import DownloadsPage
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.catalog.download.item import State
from engine.catalog.download.line import DownloadLine
from engine.catalog.library import Library
from engine.settings import DEFAULTS
from tests.helpers.downloads import client, plan_for, weights
from tests.helpers.hands import press, words_on
from tests.helpers.hub_server import serving

SIZE = 6_000_000  # above what is fetched whole, so that a part is kept
SLOW = {"download_limit_mb_s": 2.0}


class Window:
    """A flow on its page, as the app has it."""

    def __init__(self, qtbot, served, folder, **settings):
        self.jobs = Jobs()
        self.state = Shared(self.jobs, DEFAULTS.changed(models_folder=str(folder / "models"), **settings))
        self.state.hub = client(served)
        self.page = DownloadsPage()
        qtbot.addWidget(self.page)
        self.page.show()
        self.store = QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat)
        self.flow = DownloadsFlow(self.state, self.page, self.store)
        self.flow.start()

    @property
    def states(self):
        return [card.item.state for card in self.page.list.cards]

    def close(self):
        self.flow.close()
        assert self.jobs.close()


@pytest.fixture
def served():
    with serving() as served:
        yield served


@pytest.fixture
def open_window(qtbot, served, tmp_path):
    windows = []

    def open_window(**settings):
        windows.append(Window(qtbot, served, tmp_path, **settings))
        return windows[-1]

    yield open_window
    for window in windows:
        window.close()


def plans(served, count):
    return [plan_for(served, {f"m{n}.gguf": weights(SIZE, n)}, f"acme/model-{n}") for n in range(count)]


def test_two_are_fetched_by_one_job_and_reach_the_library(open_window, served, qtbot):
    window = open_window(download_limit_mb_s=8.0)
    changed, titles = [], []
    window.state.library_changed.connect(lambda: changed.append(True))
    window.jobs.started.connect(lambda thread: titles.append(thread.title))
    for plan in plans(served, 2):
        window.flow.add(plan)
    qtbot.waitUntil(lambda: window.states == [State.DONE] * 2, timeout=20_000)
    assert titles.count("Downloads") == 1
    assert len(changed) >= 2
    assert len(Library(window.state.library.folder).entries()) == 2
    press(window.page.clear)
    assert window.states == []


def test_pause_continue_reorder_and_remove(open_window, served, qtbot):
    window = open_window(**SLOW)
    first, second, third = plans(served, 3)
    for plan in (first, second, third):
        window.flow.add(plan)
    qtbot.waitUntil(lambda: window.states == [State.RUNNING, State.WAITING, State.WAITING])
    cards = window.page.list.cards
    press(cards[2].up)
    press(cards[0].button(Deed.PAUSE))
    qtbot.waitUntil(lambda: window.states == [State.PAUSED, State.RUNNING, State.WAITING])
    assert [card.item.plan for card in window.page.list.cards] == [first, third, second]
    press(window.page.pause_all)
    qtbot.waitUntil(lambda: window.states == [State.PAUSED] * 3)
    qtbot.waitUntil(lambda: not window.jobs.running)
    press(cards[1].button(Deed.REMOVE))  # nothing of it is here: no question
    qtbot.waitUntil(lambda: len(window.states) == 2)
    window.flow.show_settings(DEFAULTS)
    press(window.page.resume_all)
    qtbot.waitUntil(lambda: window.states == [State.DONE] * 2, timeout=20_000)


def test_the_bars_cancel_pauses_all(open_window, served, qtbot):
    window = open_window(**SLOW)
    for plan in plans(served, 2):
        window.flow.add(plan)
    qtbot.waitUntil(lambda: State.RUNNING in window.states)
    next(thread for thread in window.jobs.running if thread.title).cancel()
    qtbot.waitUntil(lambda: window.states == [State.PAUSED] * 2)


@pytest.mark.parametrize("goes_on", [True, False])
def test_closing_stops_and_the_next_start_goes_on(open_window, served, qtbot, goes_on):
    window = open_window(**SLOW)
    for plan in plans(served, 2):
        window.flow.add(plan)
    qtbot.waitUntil(lambda: window.states[:1] == [State.RUNNING] and window.page.list.cards[0].item.done_bytes > 5e5)
    window.close()
    sent = served.body_bytes()
    again = open_window(continue_downloads=goes_on)
    if not goes_on:
        qtbot.waitUntil(lambda: again.states == [State.PAUSED] * 2)
        assert again.page.list.cards[0].item.done_bytes > 0
        assert not again.jobs.running
        press(again.page.resume_all)
    qtbot.waitUntil(lambda: again.states == [State.DONE] * 2, timeout=20_000)
    assert served.body_bytes() - sent < 2 * SIZE


def test_closing_says_once_what_becomes_of_downloads(open_window, served, qtbot):
    window = open_window(**SLOW)
    frame = QWidget()
    qtbot.addWidget(frame)
    frame.installEventFilter(window.flow)
    window.flow.add(plans(served, 1)[0])
    qtbot.waitUntil(lambda: State.RUNNING in window.states)
    frame.show()
    assert not frame.close()
    dialog = frame.findChild(ConfirmDialog)
    assert dialog and "at its next start" in words_on(dialog)
    press(dialog.keep)
    assert frame.isVisible()
    assert frame.close()


def test_another_app_has_the_line(open_window, served, qtbot, tmp_path):
    other = DownloadLine.claimed(client(served), Library(tmp_path / "models"))
    window = open_window()
    wanted = []
    window.state.page_wanted.connect(wanted.append)
    window.flow.add(plans(served, 1)[0])
    qtbot.waitUntil(lambda: window.page.not_open.isVisible())
    assert "Another Halfbyte has the downloads" in words_on(window.page)
    assert wanted == ["downloads"]
    other.close()
    press(window.page.open_again)
    qtbot.waitUntil(lambda: window.states == [State.DONE], timeout=20_000)
    assert not window.page.not_open.isVisible()


def test_another_folder_has_another_line(open_window, served, qtbot, tmp_path):
    window = open_window(**SLOW)
    window.flow.add(plans(served, 1)[0])
    qtbot.waitUntil(lambda: State.RUNNING in window.states)
    window.state.set_settings(window.state.settings.changed(models_folder=str(tmp_path / "elsewhere")))
    qtbot.waitUntil(lambda: window.states == [])
    DownloadLine.claimed(client(served), Library(tmp_path / "models")).close()  # the old one is free
    window.state.set_settings(window.state.settings.changed(models_folder=str(tmp_path / "models")))
    qtbot.waitUntil(lambda: window.states == [State.RUNNING])


def test_a_damaged_model_is_repaired_through_the_line(open_window, served, qtbot):
    window = open_window()
    window.flow.add(plans(served, 1)[0])
    qtbot.waitUntil(lambda: window.states == [State.DONE], timeout=20_000)
    (made,) = window.state.library.entries()
    content = made.path.read_bytes()
    made.path.write_bytes(content[:-1] + b"?")
    window.flow.repair(made)
    qtbot.waitUntil(lambda: made.path.read_bytes() == content, timeout=20_000)
    qtbot.waitUntil(lambda: window.states == [State.DONE], timeout=20_000)
