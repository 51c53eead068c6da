from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog

from desktop.models.making import Line, Manner, Waiting
from desktop.models.plan_words import Prepared
from desktop.pages.convert import ConvertPage
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.estimates import Needs
from engine.convert.folders.plan import FolderOptions
from engine.convert.plan import Plan
from engine.convert.recipes import RECIPES
from engine.convert.source import Source
from engine.errors import Cancelled, DiskFull, Refused
from engine.events import Notice, Progress
from tests.helpers.hands import press, words_on
from tests.helpers.values import FACTS, FOLDER, GB, ORIGINAL, STARTER

TARGET = Path("/models/meta-llama/Llama-3.1-8B-Instruct-GGUF/Llama-3.1-8B-Instruct-Q4_K_M.gguf")


def prepared(*problems, made_before=False) -> Prepared:
    planned = Plan(
        source=Source(FOLDER, (), FACTS, "BF16", "llama", ()),
        recipe=RECIPES["gguf-q4_k_m"],
        target=TARGET,
        library=Library(Path("/models")),
        output_type="bf16",
        threads=2,
        needs=Needs(21 * GB, 5 * GB, 700_000_000, 312.0),
        problems=problems,
        notes=("Rows of this model are no multiple of 256.",),
    )
    return Prepared(planned, 16 * GB, made_before)


MADE = Checkpoint(
    TARGET,
    "meta-llama/Llama-3.1-8B-Instruct-GGUF/Llama-3.1-8B-Instruct-Q4_K_M.gguf",
    "gguf-q4_k_m",
    5 * GB,
    {"sha256": "ab" * 32, "seconds": {"cast": 60.0, "quantize": 240.0}, "bits_per_weight": 4.89},
)


@pytest.fixture
def page(qtbot):
    page = ConvertPage()
    qtbot.addWidget(page)
    page.resize(1000, 900)
    page.show()
    page.show_library([STARTER.checkpoint, ORIGINAL.checkpoint])
    return page


def test_without_a_model_it_says_what_to_do(page):
    assert "Choose a model to convert" in words_on(page)


def test_a_choice_asks_for_a_plan(page, qtbot):
    with qtbot.waitSignal(page.plan_wanted) as wish:
        page.choose(FOLDER)
    assert wish.args == [FOLDER, "gguf-q4_k_m", Manner()]
    with qtbot.waitSignal(page.plan_wanted) as wish:
        page.choose(FOLDER, "gguf-q8_0")
    assert wish.args == [FOLDER, "gguf-q8_0", Manner()]
    assert page.formats.list.currentText() == "Q8_0 – near-lossless"
    offered = {page.formats.list.itemData(number) for number in range(page.formats.list.count())} - {None}
    assert offered >= set(RECIPES), "every level that can be made is offered"


def test_the_plan_says_what_it_takes(page):
    page.choose(FOLDER)
    page.show_plan(prepared())
    text = words_on(page)
    for words in (
        "16.0 GB",
        TARGET.name,
        "5.0 GB",
        "21.0 GB while it runs",
        "700 MB",
        "about 5 min 12 s",
        "multiple of 256",
    ):
        assert words in text
    assert page.start.text() == "Convert to Q4_K_M" and page.start.isEnabled()


def test_whoever_comes_from_elsewhere_starts_with_enter(page, qtbot):
    page.choose(FOLDER)
    page.show_plan(prepared())
    assert page.focusWidget() is page.start
    page.formats.list.setFocus()
    page.show_plan(prepared())
    assert page.focusWidget() is page.formats.list


def test_all_obstacles_are_shown_and_nothing_starts(page):
    page.choose(FOLDER)
    page.show_plan(prepared(DiskFull(21 * GB, 3 * GB, "/models"), DiskFull(5 * GB, 1 * GB, "/tmp")))
    text = words_on(page)
    assert "The disk of /models has 3.0 GB free" in text and "The disk of /tmp has 1.0 GB free" in text
    assert not page.start.isEnabled()


def test_a_narrow_window_cuts_nothing_off(page):
    page.choose(FOLDER, "gptq-int4-g128")
    page.manner.amount.samples.setValue(16)
    where = TARGET.parent / ("a-long-name-of-a-fine-tuned-model" * 2)
    page.show_started("Another one")
    page.show_plan(prepared(Refused(f"{where} exists already.", "Choose another name."), made_before=True))
    page.resize(496, 700)
    QApplication.processEvents()
    for card in (page.choice, page.plan_card):
        assert card.minimumSizeHint().width() <= 448
        assert card.width() >= card.minimumSizeHint().width()


def test_what_was_made_before_can_be_chatted_with(page, qtbot):
    page.choose(FOLDER)
    page.show_plan(prepared())
    assert not page.chat_before.isVisible()
    page.show_plan(prepared(made_before=True))
    with qtbot.waitSignal(page.chat_wanted) as wish:
        press(page.chat_before)
    assert wish.args == [TARGET]


def test_a_conversion_from_start_to_chat(page, qtbot):
    page.choose(FOLDER)
    ready = prepared()
    page.show_plan(ready)
    with qtbot.waitSignal(page.start_wanted) as wish:
        press(page.start)
    assert wish.args == [ready.plan, Manner()]
    page.show_started("Converting Llama to Q4_K_M")
    assert "Converting Llama to Q4_K_M" in words_on(page)
    page.show_progress(Progress("quantize", 2 * GB, 5 * GB, "bytes", 50_000_000, 60))
    page.show_notice(Notice("It falls back.", "warning"))
    text = words_on(page)
    assert "Quantize: 2.0 GB of 5.0 GB · 50.0 MB/s · 1 min 0 s left" in text and "It falls back." in text
    page.show_made(MADE)
    text = words_on(page)
    assert "ab" * 32 in text and "5 min 0 s" in text and "4.89 bits" in text
    with qtbot.waitSignal(page.chat_wanted) as wish:
        press(page.chat)
    assert wish.args == [TARGET]


def test_cancelling_leads_back_to_the_plan(page, qtbot):
    page.choose(FOLDER)
    page.show_plan(prepared())
    page.show_started("Converting")
    with qtbot.waitSignal(page.cancel_wanted):
        press(page.cancel)
    assert not page.cancel.isEnabled()
    page.show_failed(Cancelled("The conversion"))
    assert "The conversion was cancelled." in words_on(page)
    assert page.start.isVisible() and page.start.isEnabled()


def test_while_one_runs_another_can_be_chosen_for_afterwards(page, qtbot):
    page.choose(FOLDER)
    page.show_plan(prepared())
    page.show_started("Converting Llama to Q4_K_M")
    assert not page.plan_card.isVisible()
    page.choose(FOLDER, "gguf-q8_0")
    page.show_plan(prepared())
    assert page.start.text() == "Convert to Q4_K_M afterwards"
    assert page.running_card.isVisible()
    page.show_made(MADE)
    assert page.start.text() == "Convert to Q4_K_M"
    assert page.plan_card.isVisible() and page.result_card.isVisible()


def test_a_plan_that_fails_leaves_what_runs(page):
    page.choose(FOLDER)
    page.show_plan(prepared())
    page.show_started("Converting")
    page.choose(Path("/elsewhere"))
    page.show_error(DiskFull(1, 0, "/elsewhere"))
    assert page.running_card.isVisible()


def test_the_line_is_shown_and_changed(page, qtbot):
    plan = prepared().plan
    line = Line((Waiting(1, plan, Manner()), Waiting(2, plan, Manner())))
    assert not page.waiting.isVisible()
    page.waiting.show_line(line)
    first, second = page.waiting.rows
    assert not first.up.isEnabled() and not second.down.isEnabled()
    with qtbot.waitSignal(page.waiting.moved) as wish:
        press(second.up)
    assert wish.args == [2, -1]
    second.remove.setFocus()
    with qtbot.waitSignal(page.waiting.removed) as wish:
        qtbot.keyClick(second.remove, Qt.Key.Key_Delete)
    assert wish.args == [2]
    page.waiting.show_line(line.moving(2, -1))
    assert [each.number for each in page.waiting.rows] == [2, 1]
    assert page.waiting.rows[0].isAncestorOf(page.focusWidget()), "the focus stays with the one that moved"
    page.waiting.show_line(Line())
    assert not page.waiting.isVisible()


def test_an_importance_matrix_and_its_text_are_chosen(page, qtbot):
    page.choose(FOLDER)
    page.show_plan(prepared())
    assert not page.manner.text.isVisible()
    with qtbot.waitSignals([page.plan_wanted, page.manner.conversations_wanted]):
        page.manner.importance.click()
    page.manner.show_conversations(12)
    page.manner.text.setCurrentIndex(2)
    assert page.manner.text.currentText() == "My conversations (12 messages)"
    with qtbot.waitSignal(page.plan_wanted) as wish:
        page.manner.text.activated.emit(2)
    assert wish.args[2] == Manner(importance=True, learns_from="conversations")
    assert "Your words stay on this machine" in words_on(page.manner)
    with qtbot.waitSignal(page.plan_wanted) as wish:
        page.manner.compares.click()
    assert not wish.args[2].options.wanted.comparison


def test_the_model_can_write_the_text_itself(page, qtbot):
    page.choose(FOLDER)
    page.manner.importance.click()
    place = page.manner.text.findData("itself")
    page.manner.text.setCurrentIndex(place)
    with qtbot.waitSignal(page.plan_wanted) as wish:
        page.manner.text.activated.emit(place)
    manner = wish.args[2]
    assert manner == Manner(importance=True, learns_from="itself")
    assert manner.options.own_words == manner.folder_options.own_words == 0
    assert "writes a text first" in words_on(page.manner)
    assert Manner(importance=False, learns_from="itself").options.own_words is None


def test_files_to_learn_from_are_chosen_in_a_dialog(page, qtbot, monkeypatch):
    page.choose(FOLDER)
    page.manner.importance.click()
    answers = [([], ""), (["/texts/mine.txt"], "")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: answers.pop(0))
    for expected in (Manner(importance=True), Manner(True, "files", (Path("/texts/mine.txt"),))):
        page.manner.text.setCurrentIndex(1)
        page.manner.text.activated.emit(1)
        assert page.manner.manner == expected
    assert "mine.txt" in words_on(page.manner)


@pytest.mark.parametrize(
    ("format_id", "importance", "text"),
    [
        ("gguf-q8_0", None, False),
        ("gguf-q4_k_m", False, False),
        ("gguf-iq2_xxs", True, True),
        ("gptq-int4-g128", None, True),
        ("bnb-nf4", None, False),
    ],
)
def test_only_what_makes_a_difference_is_offered(page, format_id, importance, text):
    page.manner.show_format(format_id)
    assert page.manner.importance.isVisible() == (importance is not None)
    assert page.manner.manner.importance == bool(importance)
    assert page.manner.text.isVisible() == text


def test_how_much_is_learnt_from_is_chosen_for_what_is_calibrated(page, qtbot):
    page.choose(FOLDER, "gptq-int4-g128")
    amount = page.manner.amount
    assert amount.isVisible() and page.manner.manner == Manner()
    assert (amount.samples.value(), amount.tokens.value()) == (128, 512)
    assert not amount.usual.isVisible()
    with qtbot.waitSignal(page.plan_wanted) as wish:
        type_number(qtbot, amount.samples, "16")
    assert wish.args[2].folder_options == FolderOptions(samples=16, sample_tokens=512)
    assert "far from its original" in words_on(page.manner)
    with qtbot.waitSignal(page.plan_wanted) as wish:
        type_number(qtbot, amount.tokens, "2048")
    assert wish.args[2] == Manner(samples=16, sample_tokens=2048)
    with qtbot.waitSignal(page.plan_wanted) as wish:
        press(amount.usual)
    assert wish.args[2] == Manner() and page.focusWidget() is amount.samples
    assert "far from its original" not in words_on(page.manner)


@pytest.mark.parametrize(("typed", "least", "most"), [("samples", 4, 2048), ("tokens", 64, 4096)])
def test_the_amount_has_bounds(page, typed, least, most):
    field = getattr(page.manner.amount, typed)
    field.setValue(1)
    assert field.value() == least
    field.setValue(1_000_000)
    assert field.value() == most


def test_what_is_not_calibrated_offers_no_samples_and_takes_none(page):
    page.choose(FOLDER, "awq-int4-g128")
    page.manner.amount.samples.setValue(64)
    for format_id in ("bnb-nf4", "gguf-q8_0", "gguf-iq2_xxs"):
        page.choose(FOLDER, format_id)
        assert not page.manner.amount.isVisible()
        assert page.manner.manner.samples == 0
    page.choose(FOLDER, "awq-int4-g128")
    assert page.manner.manner.samples == 64


def type_number(qtbot, field, text):
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


def test_conversations_cannot_be_chosen_before_anything_was_said(page):
    page.manner.show_conversations(0)
    assert not page.manner.text.model().item(2).isEnabled()
