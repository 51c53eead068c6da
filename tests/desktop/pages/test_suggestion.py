from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from desktop.models.suggestion import Suggestion
from desktop.pages.suggestion import SuggestionPage
from engine.errors import DamagedFile
from engine.formats import FORMATS
from tests.helpers.hands import press, words_on
from tests.helpers.values import FACTS, FITS, FOLDER, ORIGINAL, STARTER, SUGGESTION


@pytest.fixture
def page(qtbot):
    page = SuggestionPage(4096)
    qtbot.addWidget(page)
    page.resize(1100, 900)
    page.show()
    page.show_library([STARTER.checkpoint, ORIGINAL.checkpoint])
    return page


def test_without_a_model_it_says_what_to_do(page):
    assert "Choose a model" in words_on(page)
    assert not page.table.isVisible()


def test_the_library_is_offered(page, qtbot):
    assert [page.picker.list.itemText(row) for row in range(2)] == [
        "SmolLM2-135M-Instruct.Q4_1 · HuggingFaceTB",
        "Llama-3.1-8B-Instruct · meta-llama",
    ]
    page.picker.list.setFocus()
    for _ in range(2):
        with qtbot.waitSignal(page.suggestion_wanted) as wish:
            qtbot.keyClick(page.picker.list, Qt.Key.Key_Down)
    assert wish.args == [ORIGINAL.checkpoint.path, 4096]


def test_a_model_that_lies_elsewhere_is_offered_too(page, qtbot):
    with qtbot.waitSignal(page.suggestion_wanted) as wish:
        page.choose(Path("/elsewhere/model.gguf"))
    assert wish.args == [Path("/elsewhere/model.gguf"), 4096]
    page.show_library([STARTER.checkpoint])
    assert page.picker.list.currentText() == "/elsewhere/model.gguf"


def test_the_best_is_shown_in_full(page):
    page.choose(FOLDER)
    page.show_suggestion(SUGGESTION)
    text = words_on(page.card)
    for words in (
        "Q4_K_M · good",
        "Best for this machine",
        FITS[0].reason,
        "4.9 GB",
        "61,440 tokens",
        "Weights 4.9 GB",
    ):
        assert words in text
    assert page.card.button.text() == "Convert to Q4_K_M"
    assert page.fits.rowCount() == len(FITS)


def test_one_press_leads_to_the_conversion(page, qtbot):
    page.choose(FOLDER)
    page.show_suggestion(SUGGESTION)
    with qtbot.waitSignal(page.convert_wanted) as wish:
        press(page.card.button)
    assert wish.args == [FOLDER, "gguf-q4_k_m"]


def test_one_press_leads_to_the_chat(page, qtbot):
    page.show_suggestion(replace(SUGGESTION, facts=replace(FACTS, format_id="gguf-q4_k_m")))
    with qtbot.waitSignal(page.chat_wanted) as wish:
        press(page.card.button)
    assert wish.args == [FOLDER]


def test_another_row_is_picked_by_keyboard(page, qtbot):
    page.show_suggestion(SUGGESTION)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert page.card.button.text() == "Convert to Q8_0"
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert not page.card.button.isEnabled()
    assert FITS[2].reason in words_on(page.card)
    qtbot.keyClick(page.table, Qt.Key.Key_Down)
    assert "Install the package autoawq." in words_on(page.card)


def test_the_page_follows_the_keyboard_down_the_table(page, qtbot):
    page.resize(900, 420)
    page.show_suggestion(SUGGESTION)
    QApplication.processEvents()
    page.table.setFocus()
    for _ in range(len(FITS)):
        qtbot.keyClick(page.table, Qt.Key.Key_Down)
    row = page.table.visualRect(page.table.currentIndex())
    top = page.table.viewport().mapTo(page, row.topLeft()).y()
    assert top >= 0 and top + row.height() <= page.height()


def test_a_row_with_which_nothing_can_be_done_is_not_the_first_pick(page):
    page.show_suggestion(Suggestion(FOLDER, FACTS, (FITS[3], FITS[1])))
    assert page.card.button.text() == "Convert to Q8_0"


def test_what_a_format_is_best_for_keeps_its_capitals(page):
    fit = replace(FITS[-1], format=FORMATS["bnb-nf4"])
    page.show_suggestion(replace(SUGGESTION, fits=(*FITS[:-1], fit)))
    page.card.show_fit(SUGGESTION, fit)
    assert page.card.tag.text() == "Quick experiments, QLoRA training"


def test_the_context_asks_again(page, qtbot):
    page.choose(FOLDER)
    page.show_suggestion(SUGGESTION)
    with qtbot.waitSignal(page.suggestion_wanted) as wish:
        page.context.slider.setValue(13)
    assert wish.args == [FOLDER, 8192]


def test_the_context_ends_where_the_training_did(page):
    page.show_suggestion(SUGGESTION)
    assert page.context.number.maximum() == FACTS.trained_context
    assert 2 ** page.context.slider.maximum() == FACTS.trained_context


def test_a_fault_takes_the_result_away_and_can_be_retried(page, qtbot):
    page.choose(FOLDER)
    page.show_suggestion(SUGGESTION)
    page.show_error(DamagedFile("model.gguf", "GGUF", "zeros"))
    assert "model.gguf is damaged" in words_on(page)
    assert not page.card.isVisible()
    with qtbot.waitSignal(page.suggestion_wanted):
        page.retry()
