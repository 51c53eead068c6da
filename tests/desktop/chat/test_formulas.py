"""Formulas are drawn beside the main thread, stand on the line of the text, and are copied as their source."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QTextDocument

from desktop.jobs import Jobs
from desktop.theme.colours import DARK, LIGHT
from desktop.theme.fonts import fixed_font, text_font
from desktop.widgets.chat.formulas import LONGEST, Formulas, drawn
from desktop.widgets.chat.lines import Formula
from desktop.widgets.chat.look import Look
from desktop.widgets.chat.markdown import lines_of
from desktop.widgets.chat.markdown_view import MarkdownView
from desktop.widgets.chat.picture import picture
from desktop.widgets.chat.press import Press
from desktop.widgets.chat.writer import PICTURE, LineWriter

TEXT = "The sum $s = \\frac{a}{b}$ is\n\n$$\n\\sum_{i} i\n$$\n\n| a |\n|---|\n| $x^2$ |\n\nand $x^2$ again."


@pytest.fixture
def view(qtbot, theme):
    jobs = Jobs()
    view = MarkdownView(Press(jobs), "Answer")
    qtbot.addWidget(view)
    view.resize(500, 10)
    view.show()
    yield view
    assert jobs.close()


def pictures(view):
    return view.toPlainText().count(PICTURE)


def test_a_formula_is_its_source_until_it_is_drawn(view, qtbot):
    view.show_text(TEXT)
    assert pictures(view) == 0
    assert "$s = \\frac{a}{b}$" in view.toPlainText()
    qtbot.waitUntil(lambda: pictures(view) == 4, timeout=20000)
    assert "$" not in view.toPlainText()


def test_the_source_of_a_formula_is_copied(view, qtbot):
    view.show_text(TEXT)
    qtbot.waitUntil(lambda: pictures(view) == 4, timeout=20000)
    view.selectAll()
    copied = view.createMimeDataFromSelection().text()
    assert "The sum $s = \\frac{a}{b}$ is\n$$\n\\sum_{i} i\n$$" in copied
    assert copied.count("$x^2$") == 2
    assert PICTURE not in copied


def test_what_is_selected_in_part_is_copied_in_part(view, qtbot):
    view.show_text("😀ab $x$ cd")
    qtbot.waitUntil(lambda: pictures(view) == 1, timeout=20000)
    cursor = view.textCursor()
    cursor.setPosition(3)
    cursor.setPosition(7, cursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    assert view.createMimeDataFromSelection().text() == "b $x$ "


def test_what_cannot_be_drawn_stays_its_source(view, qtbot):
    view.show_text("good $x$ and bad $\\frac{$ end")
    qtbot.waitUntil(lambda: pictures(view) == 1, timeout=20000)
    assert "$\\frac{$" in view.toPlainText()


@pytest.mark.parametrize("latex", ["\\frac{", "", "{" * 900, "\\begin{matrix} a", "a" * (LONGEST + 1), "\\quad" * 190])
def test_what_is_no_formula_or_too_large_has_no_drawing(latex):
    assert drawn(Formula(latex, True)) is None


def test_a_matrix_has_an_exponent():
    assert drawn(Formula("\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}^{-1}", True)) is not None


@settings(max_examples=60, deadline=None)
@given(st.text("ab1\\{}^_&$ frac", max_size=30))
def test_whatever_a_model_writes_is_drawn_or_not(latex):
    made = drawn(Formula(latex, False))
    assert made is None or made.svg.startswith("<svg")


def ink_rows(image: QImage) -> list[int]:
    return [y for y in range(image.height()) if any(image.pixelColor(x, y).alpha() > 60 for x in range(image.width()))]


def test_a_letter_stands_on_the_line_of_the_text(qapp):
    font = QFont(text_font(qapp.font()))
    made = picture(drawn(Formula("E", False)), font, "#000000")
    rows = ink_rows(made.image)
    line = made.height / 2 + QFontMetricsF(font).xHeight() / 4  # where Qt puts a picture's middle
    assert rows[-1] / made.image.devicePixelRatio() == pytest.approx(line, abs=1.0)


def test_what_hangs_below_the_line_is_not_cut(qapp):
    deep = drawn(Formula("\\int_0^1 \\frac{1}{\\frac{2}{\\frac{3}{x}}}", True))
    rows = ink_rows(picture(deep, QFont(qapp.font()), "#000000").image)
    assert rows[0] > 0
    assert rows[-1] < picture(deep, QFont(qapp.font()), "#000000").image.height() - 1


def test_a_document_that_grew_with_its_formulas_drawn_is_the_one_written_at_once(qapp):
    formulas = Formulas()
    look = Look(LIGHT, text_font(qapp.font()), fixed_font(), formulas)
    formulas.draw([Formula("s = \\frac{a}{b}", False), Formula("x^2", False), Formula("\\sum_{i} i", True)])
    whole, grown = QTextDocument(), QTextDocument()
    LineWriter(whole, look).change(0, lines_of(TEXT))
    writer = LineWriter(grown, look)
    for end in range(len(TEXT) + 1):
        writer.change(0, lines_of(TEXT[:end]))
    assert grown.toHtml() == whole.toHtml()
    assert grown.toPlainText().count(PICTURE) == 4
    writer.restyle(Look(DARK, text_font(qapp.font()), fixed_font(), formulas))
    assert DARK.text in grown.toHtml()
    assert grown.toPlainText() == whole.toPlainText()
