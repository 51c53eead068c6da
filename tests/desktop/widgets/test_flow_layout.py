from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRect, QSize
from PySide6.QtWidgets import QWidget

from desktop.widgets.controls import clear, column, paragraph
from desktop.widgets.flow_layout import FlowLayout


class Block(QWidget):
    def __init__(self, width: int, height: int):
        super().__init__()
        self._size = QSize(width, height)

    def sizeHint(self) -> QSize:
        return self._size


def flowed(sizes, width):
    host = QWidget()
    blocks = [Block(*size) for size in sizes]
    layout = FlowLayout(*blocks, across=8, down=4)
    host.setLayout(layout)
    for block in blocks:
        block.show()
    layout.setGeometry(QRect(0, 0, width, layout.heightForWidth(width)))
    return host, layout, [block.geometry() for block in blocks]


def test_what_does_not_fit_goes_below(qapp):
    _, layout, places = flowed([(50, 10), (60, 20), (40, 10)], 120)
    assert [place.topLeft().toTuple() for place in places] == [(0, 0), (58, 0), (0, 24)]
    assert layout.heightForWidth(120) == 34
    assert layout.sizeHint() == QSize(166, 20)


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 40)), min_size=1, max_size=12), st.integers(90, 400))
def test_nothing_overlaps_or_leaves_the_width(qapp, sizes, width):
    host, layout, places = flowed(sizes, width)
    assert all(place.right() < width and place.bottom() < layout.heightForWidth(width) for place in places)
    assert not any(one.intersects(other) for index, one in enumerate(places) for other in places[:index])
    host.deleteLater()


def test_words_that_wrap_leave_no_gap_below(qapp):
    """Qt guesses a narrow width for them, at which a column of fixed width would be several times as high."""
    side = QWidget()
    side.setFixedWidth(360)
    side.setLayout(column(*(paragraph("about 1 min 39 s to download, 10 s to convert " * 3) for _ in range(5)), None))
    host = QWidget()
    layout = FlowLayout(side)
    host.setLayout(layout)
    side.show()
    assert side.sizeHint().height() > side.heightForWidth(360)
    assert layout.heightForWidth(400) == layout.sizeHint().height() == side.heightForWidth(360)


def test_it_can_be_cleared(qapp):
    _, layout, _ = flowed([(50, 10), (60, 20)], 120)
    clear(layout)
    assert layout.count() == 0
    assert layout.itemAt(0) is None and layout.takeAt(0) is None
