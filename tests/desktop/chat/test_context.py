"""The gauge shows what fills the context; room is made by leaving out or by a larger window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt

from desktop.flows import context as flow_module
from desktop.flows.context import ContextFlow
from desktop.models.context_words import enlargement_words, filling_words, shares
from engine.chat.context import Enlargement, Filling
from engine.chat.enlarging import CacheCost
from tests.helpers.scripts import recorded

FILLING = Filling(1000, 100, (50, 60, 40), 20, 250)
OFFER = Enlargement(8192, 300_000_000, True)


@pytest.fixture
def flow(page, monkeypatch):
    monkeypatch.setattr(flow_module, "offered_enlargement", lambda *_, **__: OFFER)
    return ContextFlow(page.room._jobs, page)


def test_the_parts_of_the_window_are_all_of_it():
    found = {share.words: share.tokens for share in shares(FILLING, asking=True)}
    assert found == {
        "System prompt": 100,
        "History": 110,
        "Your question": 40,
        "Template": 20,
        "Room for the answer": 250,
        "Free": 480,
    }
    assert sum(found.values()) == 1000
    assert "Your question" not in {share.words for share in shares(FILLING, asking=False)}
    assert filling_words(FILLING) == "270 of 1,000 tokens are in use."
    assert filling_words(replace(FILLING, exact=False)).startswith("About 270 of 1,000 tokens are in use, guessed")
    assert filling_words(Filling(300, 100, (60,), 20, 150)).endswith("that is 30 too many.")


def test_a_larger_window_tells_its_cost():
    assert "300 MB more memory. The model is loaded again" in enlargement_words(OFFER)
    assert "not free now" in enlargement_words(Enlargement(8192, 1 << 40, False))
    assert "no larger context" in enlargement_words(None)


def test_the_gauge_opens_by_keyboard_and_counts_the_question_that_is_written(talk, flow, qtbot):
    talk.load(chunks=["a b c"])
    talk.ask("one two three")
    qtbot.keyClicks(talk.page.composer.field, "four five")
    qtbot.keyClick(talk.page.composer.gauge, Qt.Key.Key_Space)
    talk.until(lambda: flow.dialog.offer == OFFER)
    assert flow.dialog.words.text() == "8 of 4,096 tokens are in use."
    assert flow.dialog.bar.accessibleName().startswith("Context: History 6, Your question 2, Room for the answer 1,024")
    assert flow.dialog.enlarge.text() == "Enlarge to 8,192 tokens"
    qtbot.keyClick(flow.dialog, Qt.Key.Key_Escape)
    assert flow.dialog is None


def test_while_an_answer_comes_nothing_is_counted(talk, flow):
    talk.load(chunks=["x"] * 40, tokens_per_s=20)
    talk.ask("question", ended=False)
    talk.until(lambda: talk.page.room.state == "answering")
    talk.click(talk.page.composer.gauge)
    assert "when a model is loaded" in flow.dialog.words.text()
    assert not flow.dialog.enlarge.isEnabled()
    flow.dialog.accept()
    talk.page.room.stop()
    talk.until_ended()


def test_a_larger_window_answers_what_failed_for_want_of_it(talk, flow):
    talk.load(turns=[{"context_tokens": 3}, {"chunks": ["Yes"]}])
    talk.ask("one two three four")
    talk.choose(talk.page.answer.fault, "Make room…")
    talk.until(lambda: flow.dialog.offer == OFFER)
    talk.click(flow.dialog.enlarge)
    talk.until(lambda: len(recorded(talk.model)) == 2)
    talk.until_ended()
    assert talk.answer == "Yes"
    assert talk.page.room.record["context_tokens"] == 8192


def test_what_is_left_out_answers_what_failed_for_want_of_room(talk, flow):
    talk.load(context_tokens=14, chunks=["six words are in this answer"])
    talk.ask("one two three")
    talk.ask("four five six seven eight")
    talk.choose(talk.page.answer.fault, "Make room…")
    flow.dialog.when_full.setCurrentIndex(flow.dialog.when_full.findData("drop_oldest"))
    flow.dialog.when_full.activated.emit(2)
    assert flow.dialog is None
    talk.until_ended()
    assert talk.answer == "six words are in this answer"
    assert talk.page.answer.gap.text().startswith("2 earlier messages")


def test_an_answer_that_filled_the_window_goes_on_in_a_larger_one(talk, flow):
    talk.load(turns=[{"chunks": ["one "], "finish_reason": "context"}, {"chunks": ["two"]}])
    talk.ask("Count.")
    talk.choose(talk.page.answer.fault, "Make room…")
    talk.until(lambda: flow.dialog.offer == OFFER)
    talk.click(flow.dialog.enlarge)
    talk.until(lambda: len(recorded(talk.model)) == 2)
    talk.until_ended()
    assert talk.answer == "one two"
    assert recorded(talk.model)[1]["continue_last"] is True
    assert not talk.page.failed_for_room


COSTS = (
    CacheCost("f16", True, 100_000_000),
    CacheCost("f16", False, 160_000_000),
    CacheCost("q8_0", True, 60_000_000),
)


def test_each_way_to_keep_the_context_tells_what_it_takes(talk, flow, monkeypatch, qtbot):
    monkeypatch.setattr(flow_module, "cache_costs", lambda *_: COSTS)
    talk.load(chunks=["a"])
    talk.click(talk.page.composer.gauge)
    field = flow.dialog.cache
    talk.until(field.isVisible)
    shown = [field.types.itemText(number) for number in range(field.types.count())]
    assert shown == ["16 bits (F16) · 100 MB", "8 bits (Q8_0) · 60.0 MB, 40.0 MB less"]
    assert field.flash.text() == "Flash attention: without it 160 MB, 60.0 MB more"
    assert not field.load.isEnabled()
    field.types.setCurrentIndex(1)
    assert not field.flash.isEnabled()
    with qtbot.waitSignal(flow.settings_chosen) as chosen:
        talk.click(field.load)
    assert chosen.args == [{"cache_type": "q8_0", "flash_attention": True}]
    assert flow.dialog is None
    talk.until(lambda: talk.page.room.state == "ready")


def test_a_model_without_the_choice_shows_none(talk, flow):
    talk.load(chunks=["a"])
    talk.click(talk.page.composer.gauge)
    talk.until(lambda: flow.dialog.offer is not None)
    assert not flow.dialog.cache.isVisible()
    flow.dialog.accept()
