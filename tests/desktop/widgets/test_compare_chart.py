from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor

from desktop.theme.colours import current
from desktop.widgets.compare_chart import CompareChart, _Drawing
from tests.desktop.models.test_compare_chart import FULL, GOOD, POOR, UNTIMED

POINTS = (POOR, UNTIMED, GOOD, FULL)


@pytest.fixture
def chart(qtbot):
    chart = CompareChart()
    qtbot.addWidget(chart)
    chart.resize(800, 320)
    chart.show()
    chart.show_points(POINTS)
    return chart


def place(chart, point) -> QPointF:
    return _Drawing(None, QRectF(chart.rect()), chart.points, -1).place(point)


def colour_at(chart, point) -> QColor:
    picture = chart.grab().toImage()
    at = place(chart, point) * picture.devicePixelRatio()
    return picture.pixelColor(at.toPoint())


def test_points_have_the_colour_of_their_speed(chart):
    assert colour_at(chart, POOR) == QColor(current().weights)
    assert colour_at(chart, FULL) == QColor(current().kv_cache)
    assert colour_at(chart, UNTIMED) == QColor(current().runtime)


def test_what_is_better_lies_lower_and_what_is_larger_further_right(chart):
    assert place(chart, FULL).y() > place(chart, GOOD).y() > place(chart, POOR).y()
    assert place(chart, POOR).x() < place(chart, GOOD).x() < place(chart, FULL).x()


def test_the_keys_go_from_point_to_point_and_say_it(chart, qtbot):
    reached = []
    chart.picked.connect(reached.append)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Left):
        qtbot.keyClick(chart, key)
    assert reached == [POOR, UNTIMED, POOR, POOR]
    assert chart.accessibleDescription().startswith("Q2_K: 3.0 GB")
    assert "F16: 16.0 GB" in chart.accessibleDescription()


def test_a_click_on_a_point_picks_it(chart, qtbot):
    with qtbot.waitSignal(chart.picked) as picked:
        qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=place(chart, GOOD).toPoint())
    assert picked.args == [GOOD]
    with qtbot.assertNotEmitted(chart.picked):
        qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPointF(790, 60).toPoint())


def test_the_focus_can_be_seen(chart, qtbot):
    chart.clearFocus()
    without = chart.grab().toImage()
    chart.activateWindow()
    chart.setFocus()
    qtbot.waitUntil(chart.hasFocus)
    assert chart.grab().toImage() != without


def test_nothing_is_drawn_of_nothing(chart, qtbot):
    chart.show_points(())
    chart.grab()
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    assert chart.accessibleDescription() == ""


def test_the_picture_has_twice_the_resolution(chart):
    picture = chart.picture()
    assert (picture.width(), picture.height()) == (1920, 1080)
    found = {picture.pixelColor(x, y).name() for x in range(0, 1920, 7) for y in range(0, 1080, 7)}
    assert {current().weights, current().kv_cache} <= found
