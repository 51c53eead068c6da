"""The line of conversions with its flow; only the conversions themselves are made-up ones."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from desktop.flows import convert as convert_flow
from desktop.flows.convert import ConvertFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.models import kept_line
from desktop.pages.convert import ConvertPage
from engine.catalog.checkpoint import Checkpoint
from engine.chat.history.store import History
from engine.errors import Cancelled
from engine.events import Finished
from engine.settings import DEFAULTS
from tests.helpers.chats import say
from tests.helpers.hands import press, words_on
from tests.helpers.tiny_models import write_tiny_model


class Made:
    """A conversion that takes until it is let go on or cancelled."""

    begun: list[Made]

    def __init__(self, plan) -> None:
        self.plan = plan
        self.text = [file.read_text("utf-8") for file in plan.options.calibration]
        self.go_on = threading.Event()
        self.cancelled = False
        Made.begun.append(self)

    def cancel(self) -> None:
        self.cancelled = True
        self.go_on.set()

    def __iter__(self):
        self.go_on.wait()
        if self.cancelled:
            raise Cancelled("The conversion")
        yield Finished(Checkpoint(self.plan.target, self.plan.target.stem, self.plan.recipe.format_id, 1, {}))


@pytest.fixture
def page(qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("HALFBYTE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(convert_flow, "Conversion", Made)
    Made.begun = []
    jobs = Jobs()
    page = ConvertPage()
    qtbot.addWidget(page)
    state = State(jobs, DEFAULTS.changed(models_folder=str(tmp_path)))
    page.flow = ConvertFlow(state, page)
    page.jobs, page.models = jobs, str(tmp_path)
    page.source = write_tiny_model("llama", tmp_path / "acme" / "mini")
    page.resize(1000, 1000)
    page.show()
    yield page
    assert jobs.close()


def ask_for(page, qtbot, format_id: str) -> None:
    page.flow.open(page.source, format_id)
    qtbot.waitUntil(page.plan_card.isVisible)
    press(page.start)


def running(qtbot, count: int) -> Made:
    qtbot.waitUntil(lambda: len(Made.begun) == count)
    return Made.begun[-1]


def formats(page) -> list[str]:
    return [Path(made.plan.target).stem for made in Made.begun]


def test_one_runs_and_the_others_wait_for_their_turn(page, qtbot) -> None:
    for format_id in ("gguf-q4_k_m", "gguf-q8_0", "gguf-q6_k", "gguf-q5_k_m"):
        ask_for(page, qtbot, format_id)
    assert len(Made.begun) == 1
    assert "mini → Q8_0" in words_on(page.waiting)
    press(page.waiting.rows[1].up)
    press(page.waiting.rows[2].remove)
    assert [each.number for each in page.waiting.rows] == [3, 2]
    running(qtbot, 1).go_on.set()
    assert running(qtbot, 2).plan.recipe.level == "Q6_K"
    assert "Converting mini to Q6_K" in words_on(page.running_card)
    press(page.cancel)
    assert running(qtbot, 3).plan.recipe.level == "Q8_0", "the line goes on after one that was cancelled"
    Made.begun[-1].go_on.set()
    qtbot.waitUntil(lambda: not page.running_card.isVisible())
    assert not page.waiting.isVisible()
    assert formats(page) == ["mini-Q4_K_M", "mini-Q6_K", "mini-Q8_0"]


def test_the_same_is_not_made_twice(page, qtbot) -> None:
    ask_for(page, qtbot, "gguf-q4_k_m")
    ask_for(page, qtbot, "gguf-q4_k_m")
    assert "mini-Q4_K_M.gguf is being made already" in words_on(page)
    assert not page.waiting.isVisible()
    running(qtbot, 1).cancel()
    qtbot.waitUntil(lambda: not page.running_card.isVisible())


def test_what_came_in_the_way_meanwhile_is_told(page, qtbot) -> None:
    ask_for(page, qtbot, "gguf-q4_k_m")
    ask_for(page, qtbot, "gguf-q8_0")
    (page.source / "config.json").unlink()
    running(qtbot, 1).go_on.set()
    qtbot.waitUntil(lambda: not page.running_card.isVisible())
    qtbot.waitUntil(lambda: "config.json" in words_on(page.banner))
    assert len(Made.begun) == 1


def test_a_matrix_is_learnt_from_what_was_said_here(page, qtbot) -> None:
    with History() as history:
        say(history, "What shall we plant? " * 300, "Beans and peas. " * 300)
    page.manner.show_format("gguf-q4_k_m")
    page.manner.importance.click()
    qtbot.waitUntil(lambda: page.manner.text.itemText(2) == "My conversations (2 messages)")
    page.manner.text.setCurrentIndex(2)
    ask_for(page, qtbot, "gguf-q4_k_m")
    made = running(qtbot, 1)
    assert made.plan.computes_importance
    assert made.text[0].startswith("What shall we plant?")
    (file,) = made.plan.options.calibration
    assert file.exists()
    made.go_on.set()
    qtbot.waitUntil(page.result_card.isVisible)
    assert not file.exists()


def restarted(page, qtbot, **changed) -> ConvertPage:
    """Return the page of the next start, as after a kill: nothing was closed, the file alone is left."""
    after = ConvertPage()
    qtbot.addWidget(after)
    state = State(page.jobs, DEFAULTS.changed(models_folder=page.models, **changed))
    after.flow = ConvertFlow(state, after)
    after.show()
    after.flow.start()
    return after


def kept(page, qtbot) -> None:
    """Ask for two, and let the first one be killed: it never ends."""
    page.flow.start()
    qtbot.waitUntil(lambda: page.flow._kept)
    for format_id in ("gguf-q4_k_m", "gguf-q8_0"):
        ask_for(page, qtbot, format_id)
    assert "Q8_0" in words_on(page.waiting)


def test_the_line_goes_on_after_a_kill_with_what_was_running(page, qtbot) -> None:
    kept(page, qtbot)
    after = restarted(page, qtbot)
    assert running(qtbot, 2).plan.recipe.level == "Q4_K_M"
    qtbot.waitUntil(lambda: "mini → Q8_0" in words_on(after.waiting))
    assert not after.waiting.go_on.isVisible()
    page.flow.close()
    Made.begun[0].cancel()
    Made.begun[1].go_on.set()
    assert running(qtbot, 3).plan.recipe.level == "Q8_0"
    Made.begun[2].go_on.set()
    qtbot.waitUntil(lambda: not after.running_card.isVisible())
    assert kept_line.read(kept_line.line_file()) == ()


def test_the_line_waits_for_the_person_who_wants_it_so(page, qtbot) -> None:
    kept(page, qtbot)
    after = restarted(page, qtbot, continue_downloads=False)
    qtbot.waitUntil(after.waiting.go_on.isVisible)
    assert [row.number for row in after.waiting.rows] == [1, 2]
    assert len(Made.begun) == 1
    press(after.waiting.go_on)
    assert running(qtbot, 2).plan.recipe.level == "Q4_K_M"
    assert not after.waiting.go_on.isVisible()
    page.flow.close()
    after.flow.close()
    Made.begun[0].cancel()
    Made.begun[1].cancel()


def test_what_ends_with_the_app_is_still_in_the_line(page, qtbot) -> None:
    kept(page, qtbot)
    page.flow.close()
    running(qtbot, 1).cancel()
    qtbot.waitUntil(lambda: not page.running_card.isVisible())
    assert [one.format_id for one in kept_line.read(kept_line.line_file())] == ["gguf-q4_k_m", "gguf-q8_0"]
    assert len(Made.begun) == 1


def test_a_tokenizer_that_the_converter_does_not_know_is_told_with_the_plan(page, qtbot) -> None:
    file = page.source / "tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**tokenizer, "pre_tokenizer": {"type": "Whitespace"}}), "utf-8")
    page.flow.open(page.source, "gguf-q4_k_m")
    qtbot.waitUntil(lambda: "splits text" in words_on(page), timeout=60_000)
    assert not page.start.isEnabled()


def test_what_is_wrong_with_one_tokenizer_is_not_told_of_another_model(page, qtbot, tmp_path) -> None:
    spoilt = write_tiny_model("llama", tmp_path / "acme" / "spoilt")
    file = spoilt / "tokenizer.json"
    tokenizer = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**tokenizer, "pre_tokenizer": {"type": "Whitespace"}}), "utf-8")
    page.flow.open(page.source, "gguf-q4_k_m")
    qtbot.waitUntil(lambda: page.source in page.flow._known, timeout=60_000)
    page.flow.open(spoilt, "gguf-q4_k_m")
    qtbot.waitUntil(lambda: "spoilt" in words_on(page.plan_card))
    page.flow.open(page.source, "gguf-q4_k_m")
    qtbot.waitUntil(lambda: "mini" in words_on(page.plan_card) and not page.jobs.running, timeout=60_000)
    assert "splits text" not in words_on(page)
    assert page.start.isEnabled()
