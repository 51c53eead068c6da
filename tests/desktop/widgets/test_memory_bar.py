from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from desktop.theme.colours import current
from desktop.widgets.memory_bar import MemoryBar, MemoryLegend, memory_words, paint_memory
from engine.recommend.fit import Footprint
from tests.helpers.hands import words_on

GB = 10**9
FOOTPRINT = Footprint(4 * GB, 2 * GB, 1 * GB, 1 * GB)


def drawn(footprint, free_bytes):
    """Return the colour at each tenth of the bar's middle line."""
    image = QImage(100, 9, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    paint_memory(painter, QRectF(0, 0, 100, 9), footprint, free_bytes)
    painter.end()
    return [image.pixelColor(x, 4).name() for x in range(5, 100, 10)]


def test_the_terms_share_the_free_memory(qapp):
    c = current()
    expected = [c.weights] * 4 + [c.kv_cache] * 2 + [c.compute] + [c.runtime] + [c.sunken] * 2
    assert drawn(FOOTPRINT, 10 * GB) == expected


def test_what_is_more_than_free_is_marked(qapp):
    assert drawn(FOOTPRINT, 4 * GB)[5:] == [current().bad] * 5


def test_no_free_memory_at_all(qapp):
    assert drawn(FOOTPRINT, 1)[1:] == [current().bad] * 9
    for free_bytes in (0, 1):
        drawn(Footprint(0, 0, 0, 0), free_bytes)


def test_of_a_gpu_that_is_not_there_nothing_has_run_out(qapp):
    assert memory_words(FOOTPRINT, 0) == "8.0 GB"
    assert current().bad not in drawn(FOOTPRINT, 0)


def test_words(qtbot):
    assert memory_words(FOOTPRINT, 10 * GB) == "8.0 GB of 10.0 GB free"
    bar, legend = MemoryBar(), MemoryLegend()
    qtbot.addWidget(bar)
    qtbot.addWidget(legend)
    bar.show_memory(FOOTPRINT, 10 * GB)
    assert bar.accessibleName() == "Memory: 8.0 GB of 10.0 GB free"
    legend.show_memory(FOOTPRINT)
    legend.show()
    assert words_on(legend).split("\n")[1::2] == [
        "Weights 4.0 GB",
        "Context 2.0 GB",
        "Computing 1.0 GB",
        "Program 1.0 GB",
    ]
