"""“Serve for many users”, from the library's button to the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QGuiApplication

from desktop.flows.serve import ServeFlow
from desktop.flows.state import State
from desktop.jobs import Jobs
from desktop.pages.library import LibraryPage
from desktop.widgets.serve_dialog import ServeDialog
from engine.catalog.library import Library
from engine.settings import DEFAULTS
from tests.helpers.gguf_files import write_gguf
from tests.helpers.hands import press, words_on
from tests.helpers.tiny_models import write_tiny_model
from tests.helpers.values import MACHINE


@pytest.fixture
def flow(qtbot, tmp_path):
    jobs = Jobs()
    page = LibraryPage(tmp_path)
    qtbot.addWidget(page)
    page.show()
    made = ServeFlow(State(jobs, DEFAULTS.changed(models_folder=str(tmp_path))), page)
    page.serve_wanted.connect(made.open)
    yield made
    jobs.close()


def opened(flow: ServeFlow, path: Path, qtbot) -> ServeDialog:
    flow.open(Library(path.parent).entry_at(path))
    assert flow.dialog
    return settled(flow.dialog, qtbot)


def settled(dialog: ServeDialog, qtbot) -> ServeDialog:
    qtbot.waitUntil(lambda: bool(dialog.problem.text() or dialog.script.text.toPlainText()))
    return dialog


def test_a_folder_gets_all_forms_and_its_numbers(flow, tmp_path, qtbot):
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    assert [dialog.tabs.tabText(at) for at in range(dialog.tabs.count())] == [
        "Command",
        "Compose file",
        "Kubernetes",
        "Ray Serve",
    ]
    assert "8 answers" in words_on(dialog) and "tokens/s in all" in words_on(dialog)
    press(dialog.script.copy)
    assert f"vllm serve {tmp_path / 'tiny'}" in QGuiApplication.clipboard().text()
    dialog.tabs.setCurrentIndex(1)
    dialog.script.save_to(tmp_path / "compose.yaml")
    assert "services:" in (tmp_path / "compose.yaml").read_text("utf-8")
    assert "Saved as" in words_on(dialog)
    dialog.script.save_to(tmp_path / "nowhere" / "compose.yaml")
    assert "cannot be saved" in words_on(dialog)


def test_nf4_is_written_with_the_plugin_that_it_takes(flow, tmp_path, qtbot):
    folder = write_tiny_model("llama", tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    nf4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": nf4}), "utf-8")
    dialog = opened(flow, folder, qtbot)
    assert "vLLM 0.33.0 + vllm-bnb-plugin 0.0.3." in words_on(dialog)
    assert "--quantization bitsandbytes" in dialog.script.text.toPlainText()


def test_several_computers_leave_only_what_works_there(flow, tmp_path, qtbot):
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    dialog.tabs.setCurrentIndex(1)
    dialog.choice.nodes.setValue(2)
    qtbot.waitUntil(lambda: "one computer" in dialog.script.said.text())
    assert dialog.tabs.tabText(dialog.tabs.currentIndex()) == "Compose file"  # what was shown stays
    assert not dialog.script.copy.isEnabled()
    dialog.tabs.setCurrentIndex(0)
    assert "ray start --head" in dialog.script.text.toPlainText()


def test_too_many_users_are_told_what_fits(flow, tmp_path, qtbot):
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    dialog.choice.list.setCurrentText("T4 16 GB")
    dialog.choice.gpus.setValue(16)
    dialog.choice.nodes.setValue(64)
    qtbot.waitUntil(lambda: "cannot be split" in dialog.problem.text())
    assert not dialog.tabs.count() and not dialog.batch.isEnabled()
    dialog.choice.nodes.setValue(1)
    dialog.choice.gpus.setValue(1)
    qtbot.waitUntil(lambda: bool(dialog.tabs.count()))
    assert not dialog.problem.isVisible()


def test_a_narrow_screen_keeps_all_buttons_in_sight(flow, tmp_path, qtbot):
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    across = sum(each.width() for each in (dialog.script.copy, dialog.script.save, dialog.batch, dialog.shut))
    dialog.resize(across, 420)  # without the room between them
    qtbot.waitUntil(lambda: dialog.shut.y() > dialog.script.copy.y())
    assert dialog.width() == across
    for seen in (dialog.script.copy, dialog.script.save, dialog.batch, dialog.shut):
        assert dialog.rect().contains(seen.geometry().translated(seen.parentWidget().mapTo(dialog, QPoint())))


def test_what_is_refused_stands_below_the_choice(flow, tmp_path, qtbot):
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    dialog.resize(760, 760)
    dialog.choice.gpus.setValue(16)
    dialog.choice.nodes.setValue(64)
    qtbot.waitUntil(dialog.problem.isVisible)
    qtbot.waitUntil(lambda: dialog.problem.y() - dialog.choice.geometry().bottom() < 40)
    assert dialog.choice.y() < 200


def test_a_gguf_file_is_led_to_llamas_own_server(flow, tmp_path, qtbot):
    dialog = opened(flow, write_gguf(tmp_path / "tiny.gguf"), qtbot)
    assert "does not read GGUF" in words_on(dialog)
    assert "llama-server" in dialog.script.text.toPlainText()


def test_prompts_become_a_job_with_its_command(flow, tmp_path, qtbot):
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("One?\nTwo?\n", "utf-8")
    dialog.batch_wanted.emit(dialog.chosen, prompts)
    qtbot.waitUntil(lambda: "2 prompts" in dialog.script.said.text())
    assert "vllm run-batch" in dialog.script.text.toPlainText()
    prompts.write_text("", "utf-8")
    dialog.batch_wanted.emit(dialog.chosen, prompts)
    qtbot.waitUntil(lambda: "no prompts" in dialog.script.said.text())


def test_the_cards_of_this_computer_come_first(flow, tmp_path, qtbot):
    flow._state.machine = MACHINE
    dialog = opened(flow, write_tiny_model("llama", tmp_path / "tiny"), qtbot)
    assert dialog.choice.list.currentText() == "Here: 1 × NVIDIA GeForce RTX 4060"
    assert "RTX 4060" in dialog.script.text.toPlainText()
    flow.open(Library(tmp_path).entry_at(tmp_path / "tiny"))  # another takes its place
    assert flow.dialog is not dialog
    flow.dialog.reject()
    assert flow.dialog is None
