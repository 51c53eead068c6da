from __future__ import annotations

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QPlainTextEdit, QSpinBox

from desktop.pages.settings import SettingsPage, grouped
from desktop.widgets.path_field import PathField
from engine.settings import DEFAULTS, TABLE, Settings
from tests.helpers.hands import press


@pytest.fixture
def page(qtbot):
    page = SettingsPage(DEFAULTS)
    qtbot.addWidget(page)
    page.show()
    return page


def test_every_setting_has_its_line(page):
    assert list(page.rows) == [name for names in grouped().values() for name in names]
    assert set(page.rows) == set(TABLE)


def test_the_control_follows_from_the_table(page):
    kinds = {name: type(page.rows[name].editor).__mro__ for name in TABLE}
    assert QComboBox in kinds["theme"]
    assert QSpinBox in kinds["threads"]
    assert QDoubleSpinBox in kinds["temperature"]
    assert PathField in kinds["models_folder"]
    assert QPlainTextEdit in kinds["system_prompt"]


@pytest.mark.parametrize("name", [name for name, setting in TABLE.items() if setting.highest is not None])
def test_numbers_keep_their_range(page, name):
    editor, setting = page.rows[name].editor, TABLE[name]
    assert (editor.minimum(), editor.maximum()) == (setting.lowest, setting.highest)


OTHERS = {str: "/elsewhere", int: 300, float: 0.5}


@pytest.mark.parametrize("name", list(TABLE))
def test_each_setting_is_changed_and_reset(page, qtbot, name):
    line, setting = page.rows[name], TABLE[name]
    other = setting.choices[-1] if setting.choices else OTHERS.get(type(setting.default), not setting.default)
    assert not line.reset.isEnabled()
    with qtbot.waitSignal(page.changed) as change:
        _edit(line.editor, other)
    assert change.args[0][name] == other
    with qtbot.waitSignal(page.changed) as change:
        press(line.reset)
    assert change.args[0].values == DEFAULTS.values
    assert not line.reset.isEnabled()


def _edit(editor, value):
    match editor:
        case QComboBox():
            editor.setCurrentIndex(editor.findData(value))
        case QSpinBox() | QDoubleSpinBox():
            editor.setValue(value)
        case QCheckBox():
            editor.setChecked(value)
        case PathField():
            editor.line.setText(value)
            editor.line.editingFinished.emit()
        case QPlainTextEdit():
            editor.setFocus()
            editor.setPlainText(value)
            editor.clearFocus()


def test_changes_add_up(page, qtbot):
    heard = []
    page.changed.connect(heard.append)
    page.rows["top_k"].editor.setValue(7)
    page.rows["seed"].editor.setValue(11)
    assert (heard[-1]["top_k"], heard[-1]["seed"]) == (7, 11)


def test_all_is_reset_at_once(page, qtbot):
    page.show_settings(DEFAULTS.changed(top_k=7, theme="dark"))
    with qtbot.waitSignal(page.changed) as change:
        press(page.reset)
    assert change.args[0].values == DEFAULTS.values
    assert page.rows["theme"].value == "system"
    assert not page.reset.isEnabled()


def test_complaints_about_the_file_are_shown(qtbot):
    page = SettingsPage(Settings(DEFAULTS.values, ("Top K: 'x' is not a whole number.",)))
    qtbot.addWidget(page)
    assert any("Top K: 'x'" in label.text() for label in page.findChildren(QLabel))


def test_showing_settings_tells_of_no_change(page, qtbot):
    with qtbot.assertNotEmitted(page.changed):
        page.show_settings(DEFAULTS.changed(top_k=7, theme="dark", models_folder="/m", system_prompt="Be brief."))
