"""Environments in the window: planned, set up by the real uv from a folder of wheels, checked, and removed."""

from __future__ import annotations

import pytest

from desktop.faults import Do, fault_of
from desktop.flows.environments import EnvironmentsFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.pages.machine import MachinePage
from desktop.widgets.confirm_dialog import ConfirmDialog
from engine.environments import uv
from engine.environments.described import ENVIRONMENTS, Environment
from engine.environments.places import find
from engine.errors import NotFound, PackageMissing
from engine.settings import DEFAULTS
from tests.helpers.hands import press, words_on
from tests.helpers.wheels import write_wheel


def _has_uv():
    try:
        return uv.program().is_file()
    except NotFound:
        return False


pytestmark = pytest.mark.skipif(not _has_uv(), reason="uv is not installed")


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """The only environment: one package that lies in a folder; there is no network for uv."""
    write_wheel(tmp_path / "wheels", "smalltorch", "2.11.0")
    pins = tmp_path / "pins.txt"
    pins.write_text("smalltorch==2.11.0\n")
    small = Environment("small", "Small environment", "runs small things", pins, ("smalltorch",), 2_900_000_000, 1)
    for name in tuple(ENVIRONMENTS):
        monkeypatch.delitem(ENVIRONMENTS, name)
    monkeypatch.setitem(ENVIRONMENTS, "small", small)
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("UV_FIND_LINKS", str(tmp_path / "wheels")), ("UV_NO_INDEX", "1"), ("UV_OFFLINE", "1")):
        monkeypatch.setenv(name, value)
    return small


@pytest.fixture
def flow(qtbot, environment):
    jobs = Jobs()
    page = MachinePage()
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    made = EnvironmentsFlow(State(jobs, DEFAULTS), page)
    made.page = page
    made.look()
    qtbot.waitUntil(lambda: "small" in page.environments.cards, timeout=10_000)
    made.card = page.environments.cards["small"]
    yield made
    assert jobs.close()


def test_one_is_shown_planned_set_up_checked_and_removed(flow, environment, qtbot):
    card = flow.card
    assert "2.9 GB to fetch" in words_on(card), "its size is shown before anything is asked or fetched"
    press(card.ask)
    qtbot.waitUntil(lambda: card.fetch.isVisible(), timeout=20_000)
    assert "To fetch:" in card.said.text() and "are free" in card.said.text()
    assert find(environment).state == "absent"
    press(card.later)
    assert not card.fetch.isVisible() and card.ask.isVisible()

    press(card.ask)
    qtbot.waitUntil(lambda: card.fetch.isVisible(), timeout=20_000)
    with qtbot.waitSignal(flow.changed, timeout=60_000):
        press(card.fetch)
        assert card.cancel.isVisible() and card.progress.isVisible()
    assert find(environment).state == "ready" and "Ready:" in words_on(card)

    press(card.check)
    qtbot.waitUntil(lambda: "It works." in card.said.text(), timeout=20_000)
    press(card.remove)
    with qtbot.waitSignal(flow.changed, timeout=20_000):
        press(flow.page.findChild(ConfirmDialog).deed)
    assert find(environment).state == "absent" and card.ask.isVisible()


def test_what_is_cancelled_says_so_and_can_be_begun_again(flow, environment, qtbot):
    press(flow.card.ask)
    qtbot.waitUntil(lambda: flow.card.fetch.isVisible(), timeout=20_000)
    press(flow.card.fetch)
    press(flow.card.cancel)
    qtbot.waitUntil(lambda: "Stopped." in flow.card.said.text(), timeout=20_000)
    assert find(environment).state == "absent" and flow.card.ask.isEnabled()


def test_a_fault_of_missing_packages_leads_there(flow, qtbot):
    (way, _) = fault_of(PackageMissing("torch", "cuda", environment="small")).buttons
    assert way.do is Do.ENVIRONMENTS
    assert all(one.do is not Do.ENVIRONMENTS for one in fault_of(PackageMissing("llama-cpp-python")).buttons)
    with qtbot.waitSignal(flow._state.page_wanted):
        flow.open(way.target)
    qtbot.waitUntil(lambda: flow.card.fetch.isVisible(), timeout=20_000)
