"""Servers in the window: added, tested, changed, removed, and chatted with through the real worker."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest
from PySide6.QtCore import QPoint

from desktop.flows.servers import ServersFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.models.answer_facts import answer_facts
from desktop.models.server_rows import leaving_of, leaving_words
from desktop.pages.chat import ChatPage
from desktop.pages.servers import ServersPage
from desktop.widgets.chat.leaving_mark import LeavingMark
from desktop.widgets.chat.welcome import Welcome
from desktop.widgets.confirm_dialog import ConfirmDialog
from desktop.widgets.model_picker import model_words
from engine.catalog.servers.listing import FORMAT_ID, Server, Servers
from engine.chat.conversation import Message, Origin
from engine.errors import Offline
from engine.runtime.results import Usage
from engine.settings import DEFAULTS
from tests.helpers.chat_server import NAME, Script, serving, words
from tests.helpers.hands import press, words_on

KEY = "sk-only-for-this-test"


@pytest.fixture
def script():
    with serving(Script(events=words("Hel", "lo"), key=KEY)) as served:
        yield served


@pytest.fixture
def flow(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.catalog.servers.keys.system_store", lambda: None)
    jobs = Jobs()
    page = ServersPage()
    qtbot.addWidget(page)
    page.resize(900, 700)
    page.show()
    made = ServersFlow(State(jobs, DEFAULTS.changed(models_folder=str(tmp_path))), page)
    made.page = page
    made.start()
    yield made
    for server in Servers().all():
        made._keys.let_go(server.name)
    assert jobs.close()


def added(flow, script, qtbot) -> Server:
    press(flow.page.add)
    flow.dialog.url.setText(script.url)
    flow.dialog.name.setText("box")
    flow.dialog.key.setText(KEY)
    press(flow.dialog.keep)
    qtbot.waitUntil(lambda: bool(flow.page.cards), timeout=10_000)
    return Servers().named("box")


def test_the_empty_page_says_what_to_do(flow):
    assert "No servers yet" in words_on(flow.page)


def test_a_server_is_tried_before_it_is_kept(flow, script, qtbot):
    press(flow.page.add)
    dialog = flow.dialog
    assert not dialog.keep.isEnabled()
    dialog.url.setText("http://user:secret@box/v1")
    assert "Give the key apart" in words_on(dialog) and not dialog.keep.isEnabled()
    dialog.url.setText(script.url)
    assert "stays here" in words_on(dialog)
    press(dialog.keep)
    qtbot.waitUntil(dialog.problem.isVisible)
    assert "wants a key" in dialog.problem.text() and "Enter its key above." in dialog.problem.text()
    assert "halfbyte servers" not in dialog.problem.text()  # who sees this has no command line
    assert Servers().all() == ()
    dialog.key.setText(KEY)
    press(dialog.keep)
    qtbot.waitUntil(lambda: bool(flow.page.cards))
    text = words_on(flow.page)
    assert "1 model" in text and "until Halfbyte is closed" in text
    assert flow.dialog is None


def test_what_does_not_answer_can_be_kept_all_the_same(flow, qtbot):
    press(flow.page.add)
    flow.dialog.url.setText("http://127.0.0.1:9")
    press(flow.dialog.keep)
    qtbot.waitUntil(flow.dialog.untried.isVisible)
    assert "may not be running" in flow.dialog.problem.text()
    flow.dialog.url.setText("http://127.0.0.1:10")
    assert not flow.dialog.problem.isVisible() and not flow.dialog.untried.isVisible()  # it was another address's
    flow.dialog.url.setText("http://127.0.0.1:9")
    press(flow.dialog.keep)
    qtbot.waitUntil(flow.dialog.untried.isVisible)
    press(flow.dialog.untried)
    qtbot.waitUntil(lambda: bool(flow.page.cards))
    (card,) = flow.page.cards.values()
    assert not card.chat.isEnabled()
    press(card.test)
    qtbot.waitUntil(lambda: "may not be running" in card.status.text())


def test_a_test_brings_new_models_and_a_removal_forgets_them(flow, script, qtbot):
    server = added(flow, script, qtbot)
    card = flow.page.cards[server]
    script.models = {"data": [{"id": "a/b"}, {"id": NAME}]}
    card.test.setFocus()
    with qtbot.waitSignal(flow.changed):
        press(card.test)
        press(card.test)  # while it is asked: nothing more
    assert flow.page.window().focusWidget() is card.test and len(script.keys) == 2
    assert [model.title for model in flow.entries] == ["a/b", NAME]
    with qtbot.waitSignal(flow.page.chat_wanted) as wish:
        press(card.chat)
    assert wish.args[0] in [model.path for model in flow.entries]
    press(card.remove)
    dialog = flow.page.findChild(ConfirmDialog)
    card.remove.setFocus()
    press(dialog.deed)
    qtbot.waitUntil(lambda: not flow.page.cards)
    assert flow.page.window().focusWidget() is flow.page.add
    assert flow.entries == () and Servers().all() == ()
    assert "No servers yet" in words_on(flow.page)


def test_a_change_keeps_the_key(flow, script, qtbot):
    server = added(flow, script, qtbot)
    press(flow.page.cards[server].edit)
    flow.dialog.name.setText("tower")
    press(flow.dialog.keep)
    qtbot.waitUntil(lambda: [each.name for each in flow.page.cards] == ["tower"], timeout=10_000)
    assert [model.name for model in flow.entries] == [f"server:tower/{NAME}"]


@pytest.mark.parametrize(("name", "said"), [("a name!", "cannot be a server's name"), ("BOX", "already")])
def test_a_name_that_does_not_do_is_changed_where_it_stands(flow, script, qtbot, name, said):
    added(flow, script, qtbot)
    press(flow.page.add)
    flow.dialog.url.setText("http://127.0.0.1:9")
    flow.dialog.name.setText(name)
    press(flow.dialog.keep)
    qtbot.waitUntil(flow.dialog.problem.isVisible)
    assert said in flow.dialog.problem.text()
    assert flow.dialog.focusWidget() is flow.dialog.name and not flow.dialog.untried.isVisible()


def test_the_buttons_stay_in_sight_on_a_small_screen(flow, qtbot):
    press(flow.page.add)
    dialog = flow.dialog
    dialog.resize(480, 380)
    dialog.url.setText("http://192.0.2.7:8000")
    dialog.show_error(Offline("192.0.2.7", "nothing listens at this address; the server may not be running"))
    qtbot.wait(50)
    assert dialog.height() <= 380, "it grows beyond the screen"
    for seen in (dialog.keep, dialog.untried, dialog.leave, dialog.problem):
        assert dialog.rect().contains(seen.geometry().translated(seen.parentWidget().mapTo(dialog, QPoint())))


def test_giving_up_ends_a_test_that_hangs(flow, qtbot):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        press(flow.page.add)
        flow.dialog.url.setText(f"http://127.0.0.1:{silent.getsockname()[1]}")
        press(flow.dialog.keep)
        assert flow.dialog.keep.text() == "Testing…"
        press(flow.dialog.leave)
        qtbot.waitUntil(lambda: not flow._state.jobs.running, timeout=2000)
    assert flow.dialog is None and Servers().all() == ()


def test_a_conversation_runs_on_a_server(flow, script, qtbot):
    added(flow, script, qtbot)
    (model,) = flow.entries
    chat = ChatPage(flow._state.jobs, flow._state.settings)
    qtbot.addWidget(chat)
    chat.resize(900, 700)
    chat.show_library(flow.entries)
    chat.show()
    assert chat.room.path is None  # no server is asked before somebody chooses it
    chat.choose(model.path)
    qtbot.waitUntil(lambda: chat.room.state == "ready", timeout=20_000)
    assert not chat.leaving.isVisible()  # it is on this machine
    chat.ask("Hi")
    qtbot.waitUntil(lambda: chat.room.state == "ready", timeout=20_000)
    assert chat.room.conversation.messages[-1].content == "Hello"
    assert script.keys[-1] == KEY
    chat.close_room()


def test_the_mark_says_where_words_go(qtbot, tmp_path):
    far, near = Server("far", "http://192.0.2.7:8000/v1"), Server("near", "http://localhost:8000/v1")
    servers = Servers(tmp_path)
    assert "goes to 192.0.2.7" in leaving_of(servers.checkpoint(far, "m"))
    assert "not encrypted" in leaving_words(far.url) and "not encrypted" not in leaving_words("https://a.example/v1")
    assert leaving_of(servers.checkpoint(near, "m")) == ""
    assert model_words(servers.checkpoint(far, "m")) == "m · far (leaves this machine)"
    assert model_words(servers.checkpoint(near, "m")) == "m · near"
    mark = LeavingMark()
    qtbot.addWidget(mark)
    mark.show_words(leaving_words(far.url))
    assert mark.isVisible() and "leaves this machine" in mark.accessibleName()
    mark.show_words("")
    assert not mark.isVisible()


def test_nothing_is_promised_of_words_that_leave(qtbot):
    welcome = Welcome()
    qtbot.addWidget(welcome)
    welcome.show()
    welcome.show_state("ready")
    assert "stays on this computer" in words_on(welcome)
    welcome.show_leaving(True)
    welcome.show_state("ready")
    assert "stays" not in words_on(welcome) and "your own" not in words_on(welcome)
    welcome.show_leaving(False)
    assert "Ask your own machine" in words_on(welcome) and "stays on this computer" in words_on(welcome)


def test_the_page_with_a_far_server_promises_nothing(flow, script, qtbot, monkeypatch):
    """Its name leads to this machine, which nobody but the test knows."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more))
    press(flow.page.add)
    flow.dialog.url.setText(script.url.replace("127.0.0.1", "far.example").replace("https", "http"))
    flow.dialog.key.setText(KEY)
    press(flow.dialog.keep)
    qtbot.waitUntil(lambda: bool(flow.page.cards), timeout=10_000)
    chat = ChatPage(flow._state.jobs, flow._state.settings)
    qtbot.addWidget(chat)
    chat.show_library(flow.entries)
    chat.show()
    chat._on_opened(flow.entries[0])
    assert "leaves this machine" in words_on(chat) and "stays on this computer" not in words_on(chat)


def test_what_a_server_does_not_say_is_not_told():
    usage = Usage(31, 0, 10, 0.05, 0.0, 45.4, 0, "stop", 7)
    origin = Origin("server:box/m", "", FORMAT_ID, "remote", {}, {"context_tokens": 4096})
    told = dict(answer_facts(Message("assistant", "Hello", usage=usage, origin=origin)))
    assert told["Prompt"] == "31 tokens" and "Context" not in told
    told = dict(answer_facts(Message("assistant", "Hello", usage=replace(usage, reused_tokens=16), origin=origin)))
    assert told["Prompt"] == "31 tokens, 16 of them reused"
