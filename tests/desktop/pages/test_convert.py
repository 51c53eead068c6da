from __future__ import annotations

from pathlib import Path

import pytest

from desktop.models.plan_words import Prepared
from desktop.pages.convert import ConvertPage
from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.convert.estimates import Needs
from engine.convert.plan import Plan
from engine.convert.recipes import RECIPES
from engine.convert.source import Source
from engine.errors import Cancelled, DiskFull
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
    assert wish.args == [FOLDER, "gguf-q4_k_m"]
    with qtbot.waitSignal(page.plan_wanted) as wish:
        page.choose(FOLDER, "gguf-q8_0")
    assert wish.args == [FOLDER, "gguf-q8_0"]
    assert page.formats.list.currentText() == "Q8_0 – near-lossless"


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
    assert wish.args == [ready.plan]
    page.show_started()
    assert not page.choice.isEnabled()
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
    page.show_started()
    with qtbot.waitSignal(page.cancel_wanted):
        press(page.cancel)
    assert not page.cancel.isEnabled()
    page.show_error(Cancelled("The conversion"))
    assert "The conversion was cancelled." in words_on(page)
    assert page.start.isVisible() and page.start.isEnabled()


def test_a_running_conversion_keeps_the_page(page, qtbot):
    page.choose(FOLDER)
    page.show_plan(prepared())
    page.show_started()
    with qtbot.assertNotEmitted(page.plan_wanted):
        page.choose(Path("/elsewhere"))
    assert page.picker.path == FOLDER
