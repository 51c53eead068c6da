from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from desktop.models.compare import Comparison, Contender, Room
from desktop.pages.compare import ComparePage
from engine.catalog.checkpoint import Checkpoint
from engine.errors import Cancelled
from engine.events import Notice, Progress
from engine.measure.choose import Rule
from tests.helpers.hands import press, words_on
from tests.helpers.reports import original, report
from tests.helpers.values import GB

ROOM = Room(16 * GB)


def contender(name: str, found) -> Contender:
    return Contender(Checkpoint(Path(f"/models/{name}.gguf"), f"a/{name}.gguf", f"gguf-{name.lower()}", GB), found)


FULL = contender("F16", original(rate=6.0))
GOOD = contender("Q8_0", report("Q8_0", 0.004, 11.0, 2 * GB))
POOR = contender("Q2_K", report("Q2_K", 0.6, 30.0, GB))
LEFT = contender("Q4_K_M", None)
MEASURED = (FULL, GOOD, POOR, LEFT)
UNMEASURED = tuple(replace(each, report=None) for each in MEASURED)
FOUND = Comparison(LEFT.model, MEASURED, UNMEASURED)


@pytest.fixture
def page(qtbot):
    page = ComparePage()
    qtbot.addWidget(page)
    page.resize(1100, 900)
    page.show()
    page.show_library([each.model for each in MEASURED])
    page.show_room(ROOM)
    return page


def test_without_a_model_it_says_what_to_do(page):
    assert "Choose a model to compare" in words_on(page)
    assert not page.table_card.isVisible() and not page.best.isVisible()


def test_a_choice_asks_for_the_formats(page, qtbot):
    with qtbot.waitSignal(page.comparison_wanted) as wish:
        page.choose(LEFT.model.path)
    assert wish.args == [LEFT.model.path]
    assert page.looking.isVisible() and not page.empty.isVisible()


def test_the_best_is_named_with_its_reason(page, qtbot):
    page.show_comparison(FOUND)
    assert page.best.heading.text() == "Best so far: Q8_0"
    assert "nobody notices" in page.best.reason.text()
    assert [row.contender for row in page.formats.rows] == [GOOD, FULL, POOR, LEFT]
    assert "tokens scored" in page.about.text()
    page.show_comparison(replace(FOUND, quick=(FULL, GOOD, POOR)))
    assert page.best.heading.text() == "Best for you: Q8_0"
    assert page.all.text() == "All are measured" and not page.all.isEnabled()
    with qtbot.waitSignal(page.chat_wanted) as wish:
        press(page.best.chat)
    assert wish.args == [GOOD.model.path]


def test_the_rule_can_be_changed(page, qtbot):
    page.show_comparison(FOUND)
    page.best.rule.speed.setValue(20)
    with qtbot.waitSignal(page.rule_changed) as change:
        page.best.rule.divergence.setValue(0.8)
    assert change.args == [Rule(GB, 20.0, 0.8)]
    assert page.best.heading.text() == "Best so far: Q2_K"
    page.best.rule.memory.setValue(100)
    assert page.best.heading.text() == "Nothing keeps to this rule"
    assert "comes nearest" in page.best.reason.text() and not page.best.chat.isVisible()


def test_what_is_left_is_measured(page, qtbot):
    page.show_comparison(FOUND)
    assert page.all.text() == "Measure the others"
    with qtbot.waitSignal(page.measure_wanted) as wish:
        press(page.all)
    assert wish.args == [[LEFT], True]
    page.effort.setCurrentIndex(1)
    assert page.all.text() == "Measure all" and not page.best.isVisible()
    with qtbot.waitSignal(page.measure_wanted) as wish:
        press(page.all)
    assert wish.args == [[UNMEASURED[0], UNMEASURED[1], *UNMEASURED[2:]], False]


def test_the_chart_leads_to_the_table(page, qtbot):
    page.show_comparison(FOUND)
    assert page.chart_card.isVisible()
    qtbot.keyClick(page.chart, Qt.Key.Key_Right)
    assert page.why.text().startswith("F16:") and page.one.text() == "Measure F16"
    page.effort.setCurrentIndex(1)
    assert not page.chart_card.isVisible()


def test_one_is_measured(page, qtbot):
    page.show_comparison(FOUND)
    assert page.one.text() == "Measure Q4_K_M"  # the model that was chosen
    with qtbot.waitSignal(page.measure_wanted) as wish:
        press(page.one)
    assert wish.args == [[LEFT], True]
    page.table.selectRow(0)
    assert page.one.text() == "Measure Q8_0" and not page.one.isEnabled()
    assert page.why.text().startswith("Q8_0: Its divergence")


def test_a_measurement_from_start_to_end(page, qtbot):
    page.show_comparison(FOUND)
    page.show_started("Measuring Q4_K_M (1 of 2)")
    assert not page.all.isEnabled() and not page.picker.isEnabled() and not page.one.isEnabled()
    page.show_progress(Progress("Reading the text", 512, 4096, "tokens", 100, 36))
    page.show_notice(Notice("First the original reads the text."))
    text = words_on(page)
    assert "Reading the text: 512 of 4,096 tokens · 100 tokens/s · 36 s left" in text and "First the original" in text
    with qtbot.waitSignal(page.cancel_wanted):
        press(page.cancel)
    assert page.cancel.text() == "Stopping…"
    page.show_ended()
    page.show_error(Cancelled("The measurement"))
    assert not page.running_card.isVisible() and page.all.isEnabled()
    assert page.table_card.isVisible() and "The measurement was cancelled." in words_on(page)


def test_without_a_look_at_the_machine_there_is_a_table_and_no_best(qtbot):
    page = ComparePage()
    qtbot.addWidget(page)
    page.show()
    page.show_comparison(FOUND)
    assert page.formats.rowCount() == 4 and not page.best.isVisible()
    page.show_room(ROOM)
    assert page.best.isVisible()


def test_what_fails_before_there_is_a_table_leads_back(page):
    page.choose(LEFT.model.path)
    page.show_error(Cancelled("It"))
    assert page.empty.isVisible() and not page.looking.isVisible()
