from __future__ import annotations

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from desktop.widgets.controls import paragraph
from desktop.widgets.scroll_column import ScrollColumn


def test_the_column_is_as_high_as_its_text_and_no_higher(qtbot):
    content = QWidget()
    layout = QVBoxLayout(content)
    texts = [paragraph("word " * 80) for _ in range(6)]
    for text in texts:
        layout.addWidget(text)
    column = ScrollColumn(content, "Page")
    qtbot.addWidget(column)
    column.resize(700, 200)
    column.show()
    heights = {}
    for width in (700, 300):
        column.resize(width, 200)
        QApplication.processEvents()
        heights[width] = content.height()
        needed = sum(text.heightForWidth(text.width()) for text in texts)
        assert needed <= content.height() <= needed + 8 * 20
    assert heights[300] > 2 * heights[700]
    for text in texts[1:]:
        text.hide()
    qtbot.waitUntil(lambda: content.height() < heights[300] / 2)
