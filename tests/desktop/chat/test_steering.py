"""The settings of a conversation's answers: chosen in a dialog, kept with the conversation, saved as presets."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAccessible, QScreen
from PySide6.QtWidgets import QApplication

from desktop.flows.steering import SteeringFlow
from desktop.models.steering_words import inherited_words, stops_of, stops_text
from engine.catalog.generation import Recommended
from engine.chat.presets import BUNDLED, LastChosen, presets
from engine.chat.prompts import prompts
from engine.chat.steering import Choice, Steering
from engine.settings import DEFAULTS
from tests.desktop.test_accessibility import controls
from tests.helpers.scripts import recorded


@pytest.fixture
def flow(page, qtbot):
    flow = SteeringFlow(page.room._jobs, page)
    flow.start()
    qtbot.waitUntil(lambda: bool(flow.presets.things and flow.prompts.things))
    return flow


def opened(page, qtbot, flow, key=Qt.Key.Key_M):
    """Open a dialog with the keyboard."""
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    page.focus_first()
    keys = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(page.composer.field, key, keys)
    qtbot.waitUntil(lambda: flow.dialog is not None)
    return flow.dialog


def test_what_is_chosen_holds_for_the_next_answer_and_is_kept(page, talk, qtbot, flow):
    talk.load(chunks=["Yes"])
    steered = []
    page.room.steered.connect(lambda *told: steered.append(told))
    dialog = opened(page, qtbot, flow)
    dialog.rows["temperature"].editor.setValue(0.25)
    dialog.rows["seed"].editor.setValue(7)
    dialog.stops.field.setPlainText("END\n\\n\\n")
    dialog.accept()
    talk.ask("Well?")
    sampling = recorded(talk.model)[0]["sampling"]
    assert (sampling["temperature"], sampling["seed"], sampling["stop"]) == (0.25, 7, ["END", "\n\n"])
    assert sampling["top_k"] == 40
    entry = page.room.entry
    assert Choice.of(entry.options).sampling == {"temperature": 0.25, "seed": 7, "stop": ["END", "\n\n"]}
    dialog = opened(page, qtbot, flow)
    dialog.when_full.setCurrentIndex(dialog.when_full.findData("drop_oldest"))
    dialog.when_full.activated.emit(dialog.when_full.currentIndex())
    dialog.accept()
    assert steered[-1][0] == entry.id
    assert steered[-1][1]["options"]["when_full"] == "drop_oldest"
    assert page.room.steering.when_full == "drop_oldest"


def test_going_back_to_a_default_chooses_nothing(page, talk, qtbot, flow):
    talk.load(chunks=["Yes"])
    dialog = opened(page, qtbot, flow)
    dialog.rows["top_k"].editor.setValue(3)
    assert page.room.choice.sampling == {"top_k": 3}
    dialog.rows["top_k"].reset.click()
    assert page.room.choice == Choice()
    assert not dialog.clear.isEnabled()
    dialog.reject()


def test_a_new_conversation_begins_with_what_was_last_chosen_but_the_seed(page, talk, qtbot, flow):
    talk.load(chunks=["Yes"])
    dialog = opened(page, qtbot, flow)
    dialog.rows["temperature"].editor.setValue(0.25)
    dialog.rows["seed"].editor.setValue(7)
    dialog.accept()
    talk.ask("Well?")
    page.begin_anew()
    assert page.room.choice.sampling == {"temperature": 0.25}
    qtbot.waitUntil(lambda: LastChosen().of(talk.page.room._session.checkpoint.name) == {"temperature": 0.25})


def test_a_model_loaded_again_begins_with_it_too(page, talk, qtbot, flow, tmp_path):
    LastChosen().note(str(tmp_path / "model.script.json"), {"top_k": 5})
    talk.load(chunks=["Yes"])
    qtbot.waitUntil(lambda: page.room.choice.sampling == {"top_k": 5})


def test_presets_are_saved_chosen_deleted_and_brought_back(page, talk, qtbot, flow):
    dialog = opened(page, qtbot, flow)
    dialog.rows["temperature"].editor.setValue(0.25)
    dialog.bar.save.click()
    qtbot.keyClicks(dialog.bar.name, "Mine")
    qtbot.keyClick(dialog.bar.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.bar.list.currentText() == "Mine")
    dialog.bar.list.setCurrentIndex(dialog.bar.list.findData("Code"))
    dialog.bar.list.activated.emit(dialog.bar.list.currentIndex())
    assert dialog.rows["temperature"].value == 0.0
    assert dialog.choice.sampling == BUNDLED["Code"]
    assert not dialog.bar.delete.isEnabled()
    dialog.bar.list.setCurrentIndex(dialog.bar.list.findData("Mine"))
    dialog.bar.list.activated.emit(dialog.bar.list.currentIndex())
    dialog.bar.delete.click()
    qtbot.waitUntil(lambda: dialog.bar.list.findData("Mine") < 0)
    assert "Mine" not in presets().all()
    dialog.bar.note.ways[0].click()
    qtbot.waitUntil(lambda: dialog.bar.list.currentText() == "Mine")
    assert presets().named("Mine") == {"temperature": 0.25}
    dialog.reject()


def test_a_bundled_name_is_refused_in_the_dialog(page, talk, qtbot, flow):
    dialog = opened(page, qtbot, flow)
    dialog.bar.save_wanted.emit("Precise")
    qtbot.waitUntil(lambda: "comes with Halfbyte" in dialog.bar.note.words.text())
    dialog.reject()


def test_the_dialog_is_gone_when_it_is_closed(page, talk, qtbot, flow):
    dialog = opened(page, qtbot, flow)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert flow.dialog is None
    assert QApplication.activeModalWidget() is None


@pytest.mark.parametrize("stops", [[], ["END"], ["\n\n", "a\\nb", "\t\\"], ["\\", " "]])
def test_stop_strings_survive_their_field(stops):
    assert stops_of(stops_text(stops)) == stops


def test_a_conversation_has_a_system_prompt_of_its_own(page, talk, qtbot, flow):
    talk.load(chunks=["Yes"])
    assert page.instructed.text() == "No system prompt"
    dialog = opened(page, qtbot, flow, Qt.Key.Key_P)
    qtbot.keyClicks(dialog.text.field, "Be brief & kind.")
    dialog.accept()
    assert page.instructed.accessibleName() == "System prompt: Be brief & kind."
    talk.ask("Well?")
    assert recorded(talk.model)[0]["messages"][0] == {"role": "system", "content": "Be brief & kind."}
    assert page.room.entry.system_prompt == "Be brief & kind."
    dialog = opened(page, qtbot, flow, Qt.Key.Key_P)
    dialog.text.field.setPlainText("Be long.")
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    talk.ask("And now?")
    assert recorded(talk.model)[1]["messages"][0]["content"] == "Be long."
    page.begin_anew()
    assert page.instructed.text() == "No system prompt"


def test_prompts_are_saved_edited_deleted_and_brought_back(page, talk, qtbot, flow):
    dialog = opened(page, qtbot, flow, Qt.Key.Key_P)
    dialog.text.field.setPlainText("Speak like a pirate.")
    dialog.bar.save_wanted.emit("Pirate")
    qtbot.waitUntil(lambda: dialog.bar.list.currentText() == "Pirate")
    dialog.text.field.setPlainText("Speak like an old pirate.")
    dialog.text.settle()
    assert dialog.bar.list.currentText() == "Not saved"
    dialog.bar.save.click()
    assert dialog.bar.name.text() == "Pirate"
    qtbot.keyClick(dialog.bar.name, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: dialog.bar.list.currentText() == "Pirate")
    assert prompts().named("pirate") == "Speak like an old pirate."
    dialog.bar.delete.click()
    qtbot.waitUntil(lambda: dialog.bar.list.currentText() == "Not saved")
    assert "Pirate" not in prompts().all()
    dialog.bar.note.ways[0].click()
    qtbot.waitUntil(lambda: dialog.bar.list.currentText() == "Pirate")
    dialog.bar.chosen.emit("Teacher")
    assert page.room.system_prompt.startswith("Explain step by step")
    dialog.reject()


def test_a_form_is_used_once_it_is_right(page, talk, qtbot, flow):
    talk.load(chunks=["{}"])
    dialog = opened(page, qtbot, flow)
    kinds = dialog.form.kinds
    kinds.setCurrentIndex(kinds.findData("json_schema"))
    kinds.activated.emit(kinds.currentIndex())
    assert '"type": "object"' in page.room.choice.sampling["json_schema"]
    dialog.form.text.field.setPlainText('{"type": x}')
    dialog.form.text.settle()
    assert "line 1, column 10" in dialog.form.text.problem.text()
    assert "json_schema" not in page.room.choice.sampling
    dialog.form.text.field.setPlainText('{"type": "array"}')
    dialog.odds.editor.setValue(4)
    dialog.accept()
    talk.ask("Well?")
    sampling = recorded(talk.model)[0]["sampling"]
    assert (sampling["json_schema"], sampling["logprobs"]) == ('{"type": "array"}', 4)
    page.begin_anew()
    assert page.room.choice == Choice()


def test_every_control_of_the_dialogs_has_a_name(page, talk, qtbot, flow):
    talk.load(chunks=["Yes"])
    for key in (Qt.Key.Key_M, Qt.Key.Key_P):
        dialog = opened(page, qtbot, flow, key)
        found = controls(dialog)
        assert len(found) > 5
        assert [one for one in found if not QAccessible.queryAccessibleInterface(one).text(QAccessible.Name)] == []
        dialog.reject()


def test_each_default_says_where_it_comes_from():
    steering = Steering(
        Choice(), Recommended({"temperature": 0.6}, "generation_config.json"), DEFAULTS.changed(top_k=9)
    )
    assert inherited_words(steering, "temperature") == "0.6 is from the model (generation_config.json)."
    assert inherited_words(steering, "top_k") == "9 is from your settings."
    assert inherited_words(steering, "top_p") == "0.95 is Halfbyte's default."


def test_dialogs_are_no_larger_than_a_small_screen(page, qtbot, flow, monkeypatch):
    """A screen of 1366 by 768 at 150 %: the button below stays on it."""
    monkeypatch.setattr(QScreen, "availableSize", lambda _: QSize(911, 482))
    dialog = opened(page, qtbot, flow)
    assert dialog.height() <= 482
    assert dialog.shut.geometry().bottom() < 482
    dialog.accept()
