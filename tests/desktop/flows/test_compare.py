"""The Compare page with its flow: real files and real jobs; only the measuring itself is a made-up one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from desktop.flows import compare as compare_flow
from desktop.flows.compare import CompareFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.pages.compare import ComparePage
from desktop.widgets import compare_export
from engine.catalog.checkpoint import Checkpoint
from engine.errors import Cancelled, Refused, WorkerCrashed
from engine.events import Finished, Progress
from engine.measure.choose import Rule
from engine.measure.store import Store
from engine.settings import DEFAULTS
from tests.desktop.models.test_compare import of
from tests.helpers.hands import press, words_on
from tests.helpers.level_files import level_file
from tests.helpers.values import MACHINE

LEVELS = ("F16", "Q8_0", "Q4_K_M")


class Measuring:
    """Measures at once, waits for a cancel, or fails, as it is told for each format."""

    deeds = {}
    asked = []

    def __init__(self, model, reference, options):
        self.model, self.reference, self.options = model, reference, options
        self.stopped = threading.Event()
        Measuring.asked.append(self)

    def __iter__(self):
        yield Progress("Reading the text", 1, 2, "tokens")
        deed = self.deeds.get(self.model.format_id)
        if deed == "wait":
            self.stopped.wait(20)
            raise Cancelled("The measurement")
        if deed:
            raise deed
        after = (datetime.now(UTC) + timedelta(minutes=1)).isoformat(timespec="seconds")
        sha256 = self.model.record.get("sha256", self.model.format_id)
        found = of(self.model, loss=0.01, measured_at=after, sha256=sha256)
        Store().save(self.model.format_id, found)
        yield Finished(found)

    def cancel(self):
        self.stopped.set()


@pytest.fixture
def deeds(monkeypatch):
    monkeypatch.setattr(compare_flow, "Measurement", Measuring)
    Measuring.deeds, Measuring.asked = {}, []
    return Measuring.deeds


@pytest.fixture
def page(qtbot, tmp_path, deeds):
    jobs = Jobs()
    state = State(jobs, DEFAULTS.changed(models_folder=str(tmp_path)))
    page = ComparePage()
    page.store = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    page.flow = CompareFlow(state, page, page.store)
    qtbot.addWidget(page)
    page.resize(1100, 900)
    page.show()
    state.set_machine(MACHINE)
    page.models = []
    for level in LEVELS:
        path = tmp_path / f"Mini-{level}.gguf"
        path.write_bytes(level_file(level, layers=1, tokens=300, merges=10))
        page.models.append(Checkpoint(path, path.name, f"gguf-{level.lower()}", path.stat().st_size))
    page.flow.show_entries(page.models)
    page.flow.open(page.models[2].path)
    qtbot.waitUntil(lambda: page.formats.rowCount() == 3)
    yield page
    assert jobs.close()


def measured(page):
    return [row.contender.model.format_id for row in page.formats.rows if row.choice]


def test_all_are_measured_against_the_original_and_the_best_is_named(page, qtbot):
    press(page.all)
    assert page.running_card.heading.text() == "Measuring F16 (1 of 3)"
    qtbot.waitUntil(lambda: len(measured(page)) == 3 and not page.running_card.isVisible())
    assert [job.model.format_id for job in Measuring.asked] == ["gguf-f16", "gguf-q8_0", "gguf-q4_k_m"]
    assert {job.reference.format_id for job in Measuring.asked} == {"gguf-f16"}
    assert {job.options.tokens for job in Measuring.asked} == {4096}
    assert page.best.isVisible()


def test_a_cancel_keeps_what_is_done_and_goes_no_further(page, qtbot, deeds):
    deeds["gguf-q8_0"] = "wait"
    press(page.all)
    qtbot.waitUntil(lambda: len(Measuring.asked) == 2 and measured(page) == ["gguf-f16"])
    press(page.cancel)
    qtbot.waitUntil(lambda: not page.running_card.isVisible())
    assert "was cancelled" in words_on(page)
    assert len(Measuring.asked) == 2 and measured(page) == ["gguf-f16"]


def test_one_that_fails_does_not_stop_the_others(page, qtbot, deeds):
    deeds["gguf-f16"] = WorkerCrashed(-6, "")
    press(page.all)
    qtbot.waitUntil(lambda: len(measured(page)) == 2 and not page.running_card.isVisible())
    assert len(Measuring.asked) == 3


def test_another_measurement_elsewhere_stops_all(page, qtbot, deeds):
    deeds["gguf-f16"] = Refused("Another measurement is running.", "Wait.")
    press(page.all)
    qtbot.waitUntil(lambda: "Another measurement is running." in words_on(page))
    assert len(Measuring.asked) == 1 and not page.running_card.isVisible()


@pytest.mark.parametrize(
    ("ending", "begins"), [(".csv", b"name,"), (".json", b"["), (".md", b"| Format"), (".png", b"\x89PNG")]
)
def test_what_was_measured_is_written(page, qtbot, monkeypatch, tmp_path, ending, begins):
    press(page.one)
    qtbot.waitUntil(lambda: measured(page) == ["gguf-q4_k_m"] and page.export.isEnabled())
    asked = []
    monkeypatch.setattr(
        compare_export.QFileDialog,
        "getSaveFileName",
        lambda *args: (asked.append(Path(args[2]).name) or str(tmp_path / "kept"), ""),
    )
    page.export._ask(ending)
    qtbot.waitUntil(lambda: page.note.isVisible())
    assert asked == [f"mini{ending}"]
    assert (tmp_path / f"kept{ending}").read_bytes().startswith(begins)
    ways = []
    page.way_chosen.connect(ways.append)
    press(page.note.ways[0])
    assert ways[0].target == str(tmp_path)


def test_a_folder_that_cannot_be_written_to_is_told(page, qtbot, tmp_path):
    page.export.chosen.emit(tmp_path / "nowhere" / "x.csv")
    qtbot.waitUntil(lambda: "cannot be written: No such file" in words_on(page))
    assert not page.note.isVisible()


def test_the_rule_is_kept(page, qtbot):
    page.best.rule.speed.setValue(17)
    page.store.sync()
    again = ComparePage()
    qtbot.addWidget(again)
    CompareFlow(page.flow._state, again, QSettings(page.store.fileName(), QSettings.Format.IniFormat))
    assert again.best.rule.rule == Rule(least_tokens_s=17.0)


def test_a_rule_that_cannot_be_read_is_the_usual_one(tmp_path):
    store = QSettings(str(tmp_path / "x.ini"), QSettings.Format.IniFormat)
    for value in ("nonsense", ["a", "b", "c"], [1, 2]):
        store.setValue("compare/rule", value)
        assert compare_flow._rule_in(store) == Rule()
