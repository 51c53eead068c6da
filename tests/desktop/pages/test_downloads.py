from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.faults import Do
from desktop.models.download_words import Deed
from desktop.pages.downloads import DownloadsPage
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.download.item import Item, State
from engine.catalog.download.plan import DownloadPlan
from engine.catalog.hub.values import RemoteFile
from engine.errors import AccessNeeded, DamagedFile, DiskFull, Offline
from tests.helpers.hands import press, words_on

GB = 10**9


def plan(name: str, size_bytes: int = 4 * GB) -> DownloadPlan:
    file = RemoteFile(f"{name}.gguf", size_bytes, sha256="0" * 64)
    return DownloadPlan("acme/Model-GGUF", "c0ffee", (file,), entry=file.path)


RUNNING = Item(plan("one"), State.RUNNING, 1.2 * GB, 95e6, 29.4, step="download")
WAITING = Item(plan("two"))
PAUSED = Item(plan("three"), State.PAUSED, 2 * GB)
DONE = Item(
    plan("four"),
    State.DONE,
    4 * GB,
    checkpoint=Checkpoint(
        Path("/models/acme/Model-GGUF/four.gguf"), "acme/Model-GGUF/four.gguf", "gguf-q4_k_m", 4 * GB
    ),
)


def failed(error, state=State.FAILED) -> Item:
    return Item(plan("five"), state, GB, error=error, try_at_s=time.monotonic() + 20)


@pytest.fixture
def page(qtbot):
    page = DownloadsPage()
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    return page


def test_an_empty_line_leads_to_where_models_are(page, qtbot):
    assert "Nothing is being fetched" in words_on(page)
    assert not page.pause_all.isVisible()
    with qtbot.waitSignal(page.models_wanted):
        press(page.find_models)


def test_a_running_download_says_how_far_it_is(page):
    page.show_items([RUNNING])
    words = words_on(page)
    assert "1.2 GB of 4.0 GB · 95.0 MB/s · 29 s left" in words
    assert "acme/Model-GGUF · 1 file · 4.0 GB" in words
    (card,) = page.list.cards
    assert card.accessibleName() == "one.gguf: Downloading"
    assert card.bar.value() == 300
    assert not card.up.isVisible()  # alone
    assert "closed, downloads stop" in words


@pytest.mark.parametrize(
    ("item", "deed", "word"),
    [
        (RUNNING, Deed.PAUSE, "Pause"),
        (WAITING, Deed.PAUSE, "Pause"),
        (PAUSED, Deed.RESUME, "Continue"),
        (failed(DamagedFile("five.gguf", "a", "b")), Deed.RESUME, "Try again"),
        (failed(Offline("hub"), State.OFFLINE), Deed.RESUME, "Try now"),
        (WAITING, Deed.REMOVE, "Remove"),
        (DONE, Deed.CLEAR, "Clear"),
    ],
)
def test_buttons_follow_the_state(page, qtbot, item, deed, word):
    page.show_items([item])
    (card,) = page.list.cards
    assert card.button(deed).text() == word
    with qtbot.waitSignal(page.deed_wanted) as told:
        press(card.button(deed))
    assert told.args == [deed, item.plan.id]


def test_what_is_done_stands_below_and_leads_on(page, qtbot):
    page.show_items([DONE, WAITING])
    below = page.list.cards[1]
    assert below.item is DONE
    assert not below.bar.isVisible()
    with qtbot.waitSignal(page.chat_wanted) as told:
        press(below.button(Deed.CHAT))
    assert told.args == [DONE.checkpoint.path]
    with qtbot.waitSignal(page.way_chosen) as told:
        press(below.button(Deed.SHOW))
    assert told.args[0].do is Do.LIBRARY
    with qtbot.waitSignal(page.clear_wanted):
        press(page.clear)


def test_a_part_is_thrown_away_only_when_that_is_confirmed(page, qtbot):
    page.show_items([PAUSED])
    told = []
    page.deed_wanted.connect(lambda *deed: told.append(deed))
    press(page.list.cards[0].button(Deed.REMOVE))
    dialog = page.findChild(ConfirmDialog)
    assert dialog and "2.0 GB" in words_on(dialog)
    press(dialog.keep)
    assert told == []
    press(page.list.cards[0].button(Deed.REMOVE))
    press(page.findChildren(ConfirmDialog)[-1].deed)
    assert told == [(Deed.REMOVE, PAUSED.plan.id)]


def test_the_order_is_changed_by_buttons_and_keys(page, qtbot):
    page.show_items([RUNNING, WAITING, PAUSED])
    first, second, third = page.list.cards
    assert [card.up.isEnabled() for card in page.list.cards] == [False, True, True]
    assert [card.down.isEnabled() for card in page.list.cards] == [True, True, False]
    told = []
    page.deed_wanted.connect(lambda *deed: told.append(deed))
    press(third.up)
    second.button(Deed.PAUSE).setFocus()
    QTest.keyClick(second.button(Deed.PAUSE), Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(second.button(Deed.PAUSE), Qt.Key.Key_Delete)
    assert told == [(Deed.UP, PAUSED.plan.id), (Deed.DOWN, WAITING.plan.id), (Deed.REMOVE, WAITING.plan.id)]
    page.show_items([RUNNING, PAUSED, WAITING])
    assert page.list.cards == (first, third, second)
    assert QApplication.focusWidget() is second.button(Deed.PAUSE)
    assert third.y() < second.y() or page.list.layout().indexOf(third) < page.list.layout().indexOf(second)


@pytest.mark.parametrize(
    ("error", "state", "said", "ways"),
    [
        (DiskFull(5 * GB, 3 * GB, "/models"), State.PAUSED, "Free 2.0 GB in /models, then continue", {Do.OPEN_FOLDER}),
        (Offline("huggingface.co", "no route"), State.OFFLINE, "tried again in", set()),
        (AccessNeeded("acme/gated", "https://hub/acme/gated"), State.FAILED, "gated or private", {Do.OPEN_ADDRESS}),
        (DamagedFile("five.gguf", "a", "b"), State.FAILED, "five.gguf is damaged", set()),
    ],
)
def test_an_obstacle_has_its_cause_and_its_ways(page, qtbot, error, state, said, ways):
    page.show_items([failed(error, state)])
    (card,) = page.list.cards
    assert said in words_on(card)
    buttons = {way.do: made for way, made in card.ways.items()}
    assert ways <= buttons.keys()
    assert Do.RETRY not in buttons
    for do, made in buttons.items():
        with qtbot.waitSignal(page.way_chosen) as told:
            press(made)
        assert told.args[0].do is do
    page.show_items([failed(None, State.WAITING)])
    assert said not in words_on(card)
    assert not card.ways


def test_all_together(page, qtbot):
    page.show_items([RUNNING, PAUSED])
    for button, deed in ((page.pause_all, Deed.PAUSE), (page.resume_all, Deed.RESUME)):
        with qtbot.waitSignal(page.all_wanted) as told:
            press(button)
        assert told.args == [deed]
    page.show_items([DONE])
    assert not page.pause_all.isEnabled() and not page.resume_all.isEnabled()
    assert "closed, downloads stop" not in words_on(page)


def test_the_speed_limit(page, qtbot):
    page.show_items([RUNNING])
    page.show_settings(2.5, False)
    assert page.limit.field.text() == "2.5 MB/s"
    with qtbot.waitSignal(page.limit_changed) as told:
        page.limit.field.stepBy(1)
    assert told.args == [3.5]
    page.show_settings(0, True)
    assert page.limit.field.text() == "No limit"


def test_a_narrow_window_cuts_nothing_off(page, qtbot):
    page.show_items([RUNNING, failed(AccessNeeded("acme/gated", "https://hub/acme/gated")), PAUSED, DONE])
    page.resize(496, 700)
    QApplication.processEvents()
    for card in page.list.cards:
        assert card.minimumSizeHint().width() <= 448
        assert card.width() >= card.minimumSizeHint().width()
