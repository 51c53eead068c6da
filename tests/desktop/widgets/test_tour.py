"""The tour: three steps over their pages, by mouse and keyboard, once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication

from desktop.jobs import Jobs
from desktop.pages.machine import MachinePage
from desktop.pages.settings import SettingsPage
from desktop.pages.suggestion import SuggestionPage
from desktop.widgets.tour import STEPS, TourStrip
from desktop.window import PLACES, Window
from engine.settings import DEFAULTS
from tests.helpers.hands import press, words_on


@pytest.fixture
def window(qtbot, tmp_path):
    pages = {"machine": MachinePage(), "suggestion": SuggestionPage(4096), "chat": SettingsPage(DEFAULTS)}
    jobs = Jobs()
    store = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    window = Window(pages, jobs, store)
    qtbot.addWidget(window)
    window.show()
    window.offer_tour()
    yield window
    jobs.close()


def test_every_step_speaks_of_a_page():
    assert {step.page for step in STEPS} <= {place.name for place in PLACES} and len(STEPS) == 3


def test_it_leads_through_its_pages_and_ends(window):
    seen = []
    for _ in STEPS:
        assert words_on(window.tour).startswith(f"{len(seen) + 1} of 3: {STEPS[len(seen)].title}")
        seen.append(window.page)
        press(window.tour.next)
    assert seen == ["machine", "suggestion", "chat"] and not window.tour.isVisible()
    window.offer_tour()
    assert not window.tour.isVisible()


def test_enter_leads_on(window, qtbot):
    qtbot.keyClick(window.tour.next, Qt.Key.Key_Return)
    assert window.page == "suggestion"


def test_it_goes_back(window):
    assert not window.tour.back.isEnabled()
    press(window.tour.next)
    press(window.tour.back)
    assert window.page == "machine" and window.tour.next.accessibleName() == "Next"


def test_escape_skips_it_for_good_and_the_page_gets_the_keyboard(window, qtbot):
    window.activateWindow()
    assert window.focusWidget() is window.tour.next
    qtbot.keyClick(window.tour.next, Qt.Key.Key_Escape)
    assert not window.tour.isVisible()
    assert window._pages["machine"].isAncestorOf(window.focusWidget())
    window.offer_tour()
    assert not window.tour.isVisible()


def test_it_is_shown_again_on_request(window):
    press(window.tour.close_it)
    window.tour.start()
    assert window.tour.isVisible() and window.page == "machine"


def test_a_reader_hears_the_step(qtbot):
    strip = TourStrip()
    qtbot.addWidget(strip)
    strip.start()
    QApplication.processEvents()
    assert strip.accessibleName() == "Tour, 1 of 3: Your machine"
    assert STEPS[0].words in strip.next.accessibleDescription() and strip.close_it.accessibleName() == "Skip the tour"
