"""“Make all and compare” with its flows: real files, real conversions; only the measuring itself is a made-up one."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSettings

from desktop.flows import compare as compare_flow
from desktop.flows import make_all
from desktop.flows.compare import CompareFlow
from desktop.flows.make_all import MakeAllFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.pages.compare import ComparePage
from engine.catalog.removal import Removed
from engine.settings import DEFAULTS
from tests.desktop.flows.test_compare import Measuring
from tests.helpers.hands import press, words_on
from tests.helpers.tiny_models import write_tiny_model
from tests.helpers.values import MACHINE

MADE = ["mini-F16", "mini-Q3_K_M", "mini-Q4_K_M", "mini-Q5_K_M", "mini-Q6_K", "mini-Q8_0"]


@pytest.fixture
def page(qtbot, tmp_path, monkeypatch):
    monkeypatch.setattr(compare_flow, "Measurement", Measuring)
    Measuring.deeds, Measuring.asked = {}, []
    jobs = Jobs()
    state = State(jobs, DEFAULTS.changed(models_folder=str(tmp_path)))
    page = ComparePage()
    qtbot.addWidget(page)
    comparing = CompareFlow(state, page, QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    page.flow = MakeAllFlow(state, page, comparing)
    page.state = state
    state.library_changed.connect(lambda: comparing.show_entries(state.library.entries()))
    page.resize(1100, 900)
    page.show()
    state.set_machine(MACHINE)
    page.source = write_tiny_model("llama-hf", tmp_path / "acme" / "mini", "F16")
    comparing.show_entries(state.library.entries())
    page.choose(page.source)
    qtbot.waitUntil(page.table_card.isVisible)
    yield page
    assert jobs.close()


def names(page) -> list[str]:
    return sorted(entry.title for entry in page.state.library.entries())


def made_and_measured(page, qtbot) -> None:
    press(page.make_all)
    qtbot.waitUntil(page.note.isVisible, timeout=10_000)
    assert page.note.words.text().startswith("F16, Q8_0, Q6_K, Q5_K_M, Q4_K_M, Q3_K_M would be made")
    press(page.note.ways[0])
    qtbot.waitUntil(page.note.isVisible, timeout=60_000)


def test_all_are_made_measured_and_the_others_deleted(page, qtbot, monkeypatch):
    monkeypatch.setattr(make_all, "Removing", lambda plan: [make_all.Finished(gone(plan))])
    made_and_measured(page, qtbot)
    assert names(page) == sorted(["mini", *MADE])
    assert len(Measuring.asked) == 6
    best = page.best.path
    assert page.note.words.text().startswith(f"{best.name} is the best for you")
    press(page.note.ways[0])
    dialog = page.findChild(make_all.ConfirmDialog)
    assert "go to the trash" in words_on(dialog)
    dialog.deed.click()
    qtbot.waitUntil(lambda: "were freed" in page.note.words.text(), timeout=10_000)
    assert names(page) == sorted({"mini", best.stem})


def test_nothing_is_left_to_make(page, qtbot):
    made_and_measured(page, qtbot)
    press(page.make_all)
    qtbot.waitUntil(page.banner.isVisible, timeout=10_000)
    assert "worth having are here" in words_on(page)


def test_cancel_leaves_nothing(page, qtbot):
    press(page.make_all)
    qtbot.waitUntil(page.note.isVisible, timeout=10_000)
    press(page.note.ways[0])
    page.cancel_wanted.emit()
    qtbot.waitUntil(lambda: not page.running_card.isVisible(), timeout=30_000)
    assert names(page) == ["mini"]
    assert Measuring.asked == []


def gone(plan) -> Removed:
    for path in plan.going:
        path.unlink()
    return Removed(plan.checkpoint, plan.freed_bytes)


def test_what_is_in_the_way_is_told_without_a_button(page, qtbot):
    (page.source / "tokenizer.json").unlink()
    press(page.make_all)
    qtbot.waitUntil(page.note.isVisible, timeout=10_000)
    assert "tokenizer" in page.note.words.text()
    assert page.note.ways == []
