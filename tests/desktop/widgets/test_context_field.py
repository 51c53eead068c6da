from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop.widgets.context_field import SMALLEST, ContextField


@pytest.fixture
def field(qtbot):
    field = ContextField(4096)
    qtbot.addWidget(field)
    return field


def test_the_slider_goes_by_powers_of_two(field, qtbot):
    with qtbot.waitSignal(field.changed) as change:
        field.slider.setValue(field.slider.value() + 1)
    assert change.args == [8192]
    assert field.number.value() == 8192


def test_any_number_can_be_typed(field, qtbot):
    with qtbot.waitSignal(field.changed) as change:
        field.number.setValue(5000)
    assert change.args == [5000]
    assert 2 ** field.slider.value() <= 5000


def test_only_the_last_of_many_moves_is_told(field, qtbot):
    heard = []
    field.changed.connect(heard.append)
    for tokens in (1024, 2048, 3072):
        field.number.setValue(tokens)
    qtbot.waitUntil(lambda: bool(heard))
    assert heard == [3072]


def test_coming_back_is_no_change(field, qtbot):
    with qtbot.assertNotEmitted(field.changed, wait=400):
        field.number.setValue(8192)
        field.number.setValue(4096)


@given(largest=st.integers(1, 2**20), tokens=st.integers(1, 2**20))
def test_the_choice_stays_in_bounds(qapp, largest, tokens):
    field = ContextField(4096)
    field.set_largest(largest)
    field.number.setValue(tokens)
    assert SMALLEST <= field.tokens <= max(SMALLEST, largest)
    field.slider.setValue(field.slider.maximum())
    assert SMALLEST <= field.tokens <= max(SMALLEST, largest)
