"""The pages wired to the engine: real folders and real jobs; only the look at the machine is a made-up one."""

from __future__ import annotations

import pytest

from desktop import app as app_module
from desktop.app import App
from desktop.faults import Button, Do
from desktop.flows import library as library_flow
from desktop.flows import machine as machine_flow
from desktop.flows import suggestion as suggestion_flow
from desktop.theme.colours import DARK, current
from desktop.widgets.choice_dialog import ChoiceDialog
from engine import settings as settings_file
from engine.errors import NotFound
from engine.events import Finished, Progress
from tests.desktop.test_jobs import Steps
from tests.helpers.hands import press, words_on
from tests.helpers.scripts import script
from tests.helpers.values import FITS, MACHINE, SUGGESTION


@pytest.fixture
def probes(monkeypatch):
    """Return the probe jobs that were started; each ends with the same machine."""
    started = []

    def probe():
        started.append(Steps(Progress("memory", 1, 2, "steps"), Finished(MACHINE)))
        return started[-1]

    monkeypatch.setattr(machine_flow, "ProbeJob", probe)
    monkeypatch.setattr(library_flow, "place_starter", lambda library, again=False: None)
    return started


@pytest.fixture
def app(qtbot, qapp, probes, home):
    models = home / "data" / "models" / "local" / "x"
    models.mkdir(parents=True)
    (models / "broken.gguf").write_bytes(b"not a model")
    before = qapp.palette(), qapp.styleSheet(), qapp.font()
    app = App(qapp, settings_file.load())
    qtbot.addWidget(app.window)
    app.start()
    yield app
    app.close()
    assert app.jobs.close(), "something still runs"
    app.setParent(None)
    qapp.setPalette(before[0])
    qapp.setStyleSheet(before[1])
    qapp.setFont(before[2])


def test_it_starts_with_the_machine_and_the_library(app, qtbot):
    qtbot.waitUntil(lambda: app.state.machine is MACHINE and app.models.entries.rowCount() == 1)
    assert app.window.page == "machine"
    assert "2 cores" in words_on(app.machine)
    assert app.models.entries.index(0, 0).data() == "broken"


def test_looking_again_starts_another_probe(app, qtbot, probes):
    qtbot.waitUntil(lambda: app.state.machine is MACHINE)
    press(app.machine.refresh)
    qtbot.waitUntil(lambda: len(probes) == 2 and app.machine.refresh.isEnabled())


def test_the_suggestion_waits_for_the_machine(app, qtbot, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(suggestion_flow, "suggest", lambda *args: asked.append(args) or SUGGESTION)
    qtbot.waitUntil(lambda: app.state.machine is MACHINE)
    app.state.machine = None
    app.suggestion_flow.open(tmp_path)
    assert app.window.page == "suggestion"
    app.machine_flow.look()
    assert app.suggestion.busy.words.text() == "Looking at this computer first…"
    qtbot.waitUntil(lambda: app.suggestion.fits.rowCount() == len(FITS))
    assert asked == [(tmp_path, MACHINE, 4096, app.state.library)]


def test_a_fault_of_the_suggestion_is_told_on_its_page(app, qtbot, monkeypatch, tmp_path):
    def suggest(*args):
        raise NotFound("A model", str(tmp_path))

    monkeypatch.setattr(suggestion_flow, "suggest", suggest)
    app.suggestion_flow.open(tmp_path)
    qtbot.waitUntil(lambda: f"A model was not found in {tmp_path}" in words_on(app.suggestion))


def test_a_plan_for_nothing_is_a_fault_on_the_page(app, qtbot, tmp_path):
    (tmp_path / "empty").mkdir()
    app.suggestion.convert_wanted.emit(tmp_path / "empty", "gguf-q8_0")
    assert app.window.page == "convert"
    qtbot.waitUntil(lambda: "was not found" in words_on(app.convert))


def test_the_plan_of_a_damaged_model_says_so(app, qtbot, tmp_path):
    (tmp_path / "config.json").write_text("{")
    app.suggestion.convert_wanted.emit(tmp_path, "gguf-q8_0")
    qtbot.waitUntil(lambda: app.convert.plan_card.isVisible())
    assert not app.convert.start.isEnabled()
    assert "config.json" in words_on(app.convert)


def test_a_model_is_deleted(app, qtbot):
    qtbot.waitUntil(lambda: app.models.entries.rowCount() == 1)
    entry = app.models.entries.row_at(0)
    app.models.delete_wanted.emit(entry.checkpoint)
    qtbot.waitUntil(lambda: bool(app.models.findChildren(ChoiceDialog)))
    (dialog,) = app.models.findChildren(ChoiceDialog)
    dialog.deeds[-1].click()  # for good: the trash has tests of its own
    qtbot.waitUntil(lambda: app.models.entries.rowCount() == 0)
    assert not entry.checkpoint.path.exists()
    assert "No models yet" in words_on(app.models) or not app.models.isVisible()


def test_settings_hold_at_once_and_are_kept(app, qtbot, home, tmp_path):
    app.options.rows["theme"].editor.setCurrentIndex(2)
    assert current() is DARK
    qtbot.waitUntil(lambda: app.models.entries.rowCount() == 1)
    app.options.changed.emit(app.state.settings.changed(models_folder=str(tmp_path / "other")))
    (dialog,) = app.window.findChildren(ChoiceDialog)
    dialog.deeds[1].click()
    assert app.state.library.folder == tmp_path / "other"
    qtbot.waitUntil(lambda: app.models.entries.rowCount() == 0)
    kept = settings_file.load()
    assert kept["theme"] == "dark" and kept.models_folder == tmp_path / "other"


def test_settings_that_cannot_be_kept_are_told(app, qtbot, monkeypatch):
    def save(settings):
        raise OSError("the disk is read-only")

    monkeypatch.setattr(app_module.settings_file, "save", save)
    app.window.show_page("settings")
    app.options.rows["top_k"].editor.setValue(7)
    assert "the disk is read-only" in words_on(app.options)


def test_a_faults_buttons_lead_to_their_pages(app):
    for do in (Do.SETTINGS, Do.SUGGESTION, Do.LIBRARY, Do.MACHINE):
        app.models.way_chosen.emit(Button(do, "Go"))
        assert app.window.page == do.value


def test_a_faults_buttons_lead_out(app, monkeypatch):
    opened = []
    monkeypatch.setattr(app_module.QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    app.models.way_chosen.emit(Button(Do.OPEN_FOLDER, "Open", "/models"))
    app.models.way_chosen.emit(Button(Do.OPEN_ADDRESS, "Open", "https://example.org/x"))
    assert opened == ["file:///models", "https://example.org/x"]


def test_a_chat_is_opened_and_answers(app, qtbot, tmp_path):
    checkpoint = script(tmp_path, chunks=["Hello ", "you."])
    app.models.chat_wanted.emit(checkpoint.path)
    assert app.window.page == "chat"
    qtbot.waitUntil(lambda: app.chat.room.state == "ready", timeout=20000)
    app.chat.ask("Hi")
    qtbot.waitUntil(lambda: app.chat.room.state == "ready" and len(app.chat.room.conversation.messages) == 2)
    assert app.chat.room.conversation.messages[-1].content == "Hello you."


def test_closing_the_window_ends_all(app, qtbot):
    slow = Steps(60.0, Finished())
    app.jobs.start(slow, "Something long")
    app.window.close()
    assert slow.stopped.is_set()
    qtbot.waitUntil(lambda: app.jobs.running == ())
