"""The Discover page on the local Hub: real requests, real jobs; only the machine is a made-up one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QLineEdit

from desktop.flows.discover import DiscoverFlow
from desktop.flows.hub import HubFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.models.library_model import Entry
from desktop.pages.discover import DiscoverPage
from desktop.widgets.hub_card import HubCard
from desktop.widgets.link_dialog import LinkDialog
from desktop.widgets.token_dialog import TokenDialog
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.hub import surroundings
from engine.catalog.tokens import Source, Tokens
from engine.errors import Offline
from engine.settings import DEFAULTS
from tests.helpers.downloads import client
from tests.helpers.hands import press, words_on
from tests.helpers.hub_models import about, stock
from tests.helpers.hub_server import serving
from tests.helpers.machines import machine

ORIGINAL, READY = "Qwen/Qwen2.5-0.5B-Instruct", "Qwen/Qwen2.5-0.5B-Instruct-GGUF"
GATED, ELSEWHERE = "meta-llama/Meta-Llama-3-8B-Instruct", "bartowski/Meta-Llama-3-8B-Instruct-GGUF"
LAPTOP = machine({"free_gib": 12})
TOKEN = "hf_abcdefgh12345"


class Window:
    """The flows on their page and card, as the app has them."""

    def __init__(self, qtbot, served, folder):
        self.jobs = Jobs()
        self.state = State(self.jobs, DEFAULTS.changed(models_folder=str(folder / "models")))
        self.state.hub = client(served)
        self.state.hub.tokens = Tokens(False)
        self.state.set_machine(LAPTOP)
        self.page, self.card = DiscoverPage(), HubCard()
        self.flow, self.hub_flow = DiscoverFlow(self.state, self.page), HubFlow(self.state, self.card)
        self.page.token_wanted.connect(self.hub_flow.ask_token)
        self.hub_flow.token_kept.connect(self.page.show_token_kept)
        self.hub_flow.looked.connect(self.page.show_surroundings)
        self.plans = []
        self.flow.download_wanted.connect(self.plans.append)
        for widget in (self.page, self.card):
            qtbot.addWidget(widget, before_close_func=lambda _: self.end())
        self.page.resize(1100, 900)
        self.page.show()

    def end(self):
        """End what runs; what was just finished is told to nobody, or it would go on in the next test."""
        self.page.search_stop_wanted.emit()
        self.page.model_stop_wanted.emit()
        assert self.jobs.close()

    def search(self, text=""):
        self.page.search.field.setText(text)
        press(self.page.search.go)

    def names(self):
        return [row.model.name for row in self.page.search.found.rows]

    def has_read(self):
        return self.page.model.stop.isHidden() or not self.page.model.stop.isVisible()

    def read(self, qtbot, name):
        self.search(name)
        qtbot.waitUntil(lambda: self.page.model.ways.isVisible() or not self.page.banner.isHidden(), timeout=15000)
        qtbot.waitUntil(self.has_read)


@pytest.fixture(autouse=True)
def no_login(monkeypatch):
    from engine.catalog import tokens

    for variable in tokens.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(tokens, "_hf_login", lambda: "")


@pytest.fixture
def served():
    with serving(tokens={TOKEN}) as served:
        stock(served)
        yield served


@pytest.fixture
def window(qtbot, served, tmp_path):
    window = Window(qtbot, served, tmp_path)
    yield window
    assert window.jobs.close()


# Searching


def test_nothing_is_asked_before_the_person_does(window, served):
    assert "Nothing is sent before you search" in words_on(window.page)
    assert served.log == []


def test_a_search_says_how_each_row_would_run(window, qtbot):
    press(window.page.search.trending)
    qtbot.waitUntil(lambda: len(window.names()) == 6)
    rows = {row.model.name: row for row in window.page.search.found.rows}
    assert rows[READY].verdict.words == "Fits"
    assert rows["Qwen/Qwen2.5-72B-Instruct"].verdict.words == "Too big"
    assert rows["casperhansen/llama-3-8b-instruct-awq"].verdict.words == "Not on this computer"
    assert "asks for permission" in rows[GATED].about_words
    assert window.names()[0] == GATED, "trending first"
    assert not window.page.search.more.isVisible()


def test_filters_search_anew_and_nothing_found_leads_on(window, qtbot, served):
    window.search("qwen")
    qtbot.waitUntil(lambda: len(window.names()) == 3)
    pane = window.page.search
    pane.format.setCurrentIndex(pane.format.findData("gguf"))
    pane.format.activated.emit(pane.format.currentIndex())
    qtbot.waitUntil(lambda: window.names() == [READY])
    pane.author.setText("nobody")
    window.search("qwen")
    qtbot.waitUntil(pane.nothing.isVisible)
    press(pane.all_tasks)
    qtbot.waitUntil(lambda: len(window.names()) == 3)
    assert "pipeline_tag" not in served.log[-1].path


def test_more_is_added_below_and_nothing_twice(window, qtbot, served):
    for number in range(40):
        served.publish(f"many/model-{number:02}", {"config.json": b"{}"}, **about("Qwen2.5-0.5B"))
    window.search("model-")
    qtbot.waitUntil(lambda: len(window.names()) == 30)
    press(window.page.search.more)
    qtbot.waitUntil(lambda: len(window.names()) == 40)
    assert len(set(window.names())) == 40
    assert "that is all" in words_on(window.page) and not window.page.search.more.isVisible()


def test_a_search_in_flight_is_stopped_and_its_answer_is_nobodys(window, qtbot, served):
    window.search("qwen")
    qtbot.waitUntil(lambda: len(window.names()) == 3)
    served.round_trip_s = 0.5
    window.search("llama")
    assert window.page.search.go.text() == "Stop"
    press(window.page.search.go)
    assert window.page.search.go.text() == "Search"
    qtbot.wait(900)
    assert len(window.names()) == 3


def test_the_newest_search_counts(window, qtbot, served):
    served.faults.add("call", stage="api", path="/api/models", action=lambda: __import__("time").sleep(0.6))
    window.search("llama")
    window.page.search.field.setText("qwen")
    window.page.search.search()
    qtbot.waitUntil(lambda: len(window.names()) == 3)
    qtbot.wait(800)
    assert all("Qwen" in name for name in window.names())


def test_offline_says_so_and_tries_again(window, qtbot):
    window.page.show_search_error(Offline("huggingface.co", "HF_HUB_OFFLINE is set"))
    assert "HF_HUB_OFFLINE is set" in words_on(window.page)
    press(window.page.search.again)
    qtbot.waitUntil(lambda: len(window.names()) == 6)


def test_a_hub_that_is_gone_leaves_what_was_found(window, qtbot):
    window.search("qwen")
    qtbot.waitUntil(lambda: len(window.names()) == 3)
    window.page.show_search_error(Offline("huggingface.co"))
    assert window.page.search.table.isVisible()


def test_rows_are_judged_once_the_machine_is_known(window, qtbot):
    window.state.machine = None
    window.search("qwen")
    qtbot.waitUntil(lambda: len(window.names()) == 3)
    assert window.page.search.found.rows[0].verdict.words == "Looking…"
    window.state.set_machine(LAPTOP)
    qtbot.waitUntil(lambda: window.page.search.found.rows[0].verdict.words != "Looking…")


# One model


def test_a_name_or_an_address_opens_the_model(window, qtbot, served):
    for address in (ORIGINAL, f"https://huggingface.co/{ORIGINAL}/tree/main"):
        with qtbot.waitSignal(window.page.model_wanted) as wish:
            window.search(address)
        assert wish.args == [address]
        qtbot.waitUntil(lambda: window.page.model.name.text() == ORIGINAL)
        press(window.page.model.back)
        assert window.page.search.isVisible()


def test_the_best_has_one_button(window, qtbot):
    window.read(qtbot, READY)
    text = words_on(window.page.model.card)
    assert "Best for this machine" in text and "near-lossless" in text
    press(window.page.model.card.button)
    (plan,) = window.plans
    assert (plan.repository, plan.format_id) == (READY, "gguf-q6_k") and plan.entry.endswith("q6_k.gguf")
    assert plan.endpoint == window.state.hub.endpoint
    assert "On its way" in window.page.model.card.button.text()
    with qtbot.waitSignal(window.state.page_wanted) as place:
        press(window.page.model.card.button)
    assert place.args == ["downloads"]


def test_both_ways_are_answered_with_time_and_disk(window, qtbot):
    window.read(qtbot, ORIGINAL)
    text = words_on(window.page.model.ways)
    for words in ("Download it ready-made: that is quicker by", "to convert", "988 MB", "assumed 10.0 MB/s", READY):
        assert words in text
    assert text.count("Q6_K, near-lossless (expected)") == 2, "both give the same format"


def test_a_level_that_nobody_has_is_made_of_the_original(window, qtbot):
    window.read(qtbot, ORIGINAL)
    model = window.page.model
    at = next(row for row, offer in enumerate(model.offers.rows) if offer.made_here)
    model.table.selectRow(at)
    assert model.card.button.text().startswith("Get the original (9")
    press(model.card.button)
    (plan,) = window.plans
    assert (plan.repository, plan.entry) == (ORIGINAL, "")
    path = plan.model_path(window.state.library.folder)
    entry = Entry(Checkpoint(path, ORIGINAL, "plain-bf16", plan.size_bytes), 0)
    with qtbot.waitSignal(window.page.convert_wanted) as wish:
        window.flow.show_entries((entry,))
    assert wish.args == [path, model.offers.rows[at].format_id]
    assert model.card.button.text().startswith("Convert to ")


def test_what_is_in_the_library_is_chatted_with(window, qtbot):
    window.read(qtbot, READY)
    press(window.page.model.card.button)
    path = window.plans[0].model_path(window.state.library.folder)
    window.flow.show_entries((Entry(Checkpoint(path, READY, "gguf-q6_k", 1), 0),))
    assert window.page.model.card.button.text() == "Chat with it"
    with qtbot.waitSignal(window.page.chat_wanted) as wish:
        press(window.page.model.card.button)
    assert wish.args == [path]


def test_another_repository_is_opened_from_the_list(window, qtbot):
    window.read(qtbot, ORIGINAL)
    assert [row.model.name for row in window.page.model.others.rows] == [READY]
    window.page.model.others_table.opened.emit(READY)
    qtbot.waitUntil(lambda: window.page.model.name.text() == READY)


def test_reading_is_stopped(window, qtbot, served):
    served.round_trip_s = 0.3
    window.search(READY)
    qtbot.waitUntil(lambda: window.page.model.stop.isVisible())
    press(window.page.model.stop)
    assert window.has_read()
    qtbot.waitUntil(lambda: not window.jobs.running)
    assert not window.page.model.ways.isVisible()


def test_a_model_that_is_not_there_is_a_fault_with_a_way_back(window, qtbot):
    window.search("nobody/nothing")
    qtbot.waitUntil(lambda: "nobody/nothing" in words_on(window.page.banner))
    press(window.page.model.back)
    assert window.page.banner.isHidden()


def test_a_link_is_asked_about_first(window, qtbot, monkeypatch):
    opened = []
    monkeypatch.setattr("desktop.widgets.link_dialog.QDesktopServices.openUrl", lambda url: opened.append(url.url()))
    window.read(qtbot, READY)
    press(window.page.model.page)
    (dialog,) = window.page.findChildren(LinkDialog)
    assert opened == []
    press(dialog.open_it)
    assert opened == [f"{window.state.hub.endpoint}/{READY}"]


# The account


def dialog_of(qtbot):
    from PySide6.QtWidgets import QApplication

    def found():
        return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, TokenDialog)]

    qtbot.waitUntil(lambda: any(dialog.isVisible() for dialog in found()))
    return next(dialog for dialog in found() if dialog.isVisible())


def test_a_gated_model_leads_to_its_page_to_the_token_and_on_by_itself(window, qtbot, served):
    served.accepted.add((TOKEN, GATED))
    window.read(qtbot, GATED)
    access = window.page.model.access
    assert GATED in words_on(access)
    assert window.page.model.offers.rows[0].model.name == ELSEWHERE
    press(access.token)
    dialog = dialog_of(qtbot)
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Password and not dialog.check.isEnabled()
    dialog.field.setText("hf_not_known_here")
    press(dialog.check)
    qtbot.waitUntil(dialog.problem.isVisible)
    assert "does not know this token" in dialog.problem.text() and "hf_not" not in dialog.problem.text()
    dialog.field.setText(TOKEN)
    press(dialog.check)
    qtbot.waitUntil(lambda: "belongs to tester" in words_on(window.page.banner))
    assert "until Halfbyte closes" in words_on(window.page.banner), "no keyring here, and it says so"
    qtbot.waitUntil(lambda: window.page.model.ways.isVisible() and not access.isVisible(), timeout=15000)
    assert any(offer.model.name == GATED and offer.fit for offer in window.page.model.offers.rows)


def test_a_token_is_shown_on_demand_and_given_up(window, qtbot, served):
    window.hub_flow.ask_token()
    dialog = dialog_of(qtbot)
    dialog.reveal.setChecked(True)
    assert dialog.field.echoMode() is QLineEdit.EchoMode.Normal
    served.round_trip_s = 1.0
    dialog.field.setText(TOKEN)
    press(dialog.check)
    press(dialog.leave)
    qtbot.wait(300)
    assert window.state.hub.tokens.current() is None


def test_the_token_is_forgotten_from_the_settings(window, qtbot):
    window.state.hub.tokens.keep(TOKEN)
    window.card.show()
    qtbot.waitUntil(window.card.forget.isEnabled)
    assert "kept until Halfbyte closes" in words_on(window.card) and TOKEN not in words_on(window.card)
    press(window.card.forget)
    qtbot.waitUntil(lambda: "No access token is set." in words_on(window.card))
    assert not window.card.forget.isEnabled()


def test_the_environment_is_shown(window, qtbot, served):
    found = surroundings.Surroundings(served.url, True, ("https: proxy.example:3128",), Source.ENVIRONMENT)
    card = HubCard()
    qtbot.addWidget(card)
    card.show()
    card.show_surroundings(found)
    window.page.show_surroundings(found)
    for words in ("127.0.0.1", "HF_HUB_OFFLINE is set", "proxy.example:3128"):
        assert words in words_on(window.page) and words in words_on(card)
    assert "HF_TOKEN" in words_on(card)
    window.page.show_surroundings(replace(found, endpoint=surroundings.OFFICIAL, offline=False, proxies=()))
    assert not window.page.where.isVisible()
