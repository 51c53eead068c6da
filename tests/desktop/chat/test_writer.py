"""A document that grew line by line is the one that was written at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QTextDocument

from desktop.theme.colours import DARK, LIGHT, contrast
from desktop.theme.fonts import fixed_font, text_font
from desktop.widgets.chat.formulas import Formulas
from desktop.widgets.chat.look import INKS, Look
from desktop.widgets.chat.markdown import lines_of
from desktop.widgets.chat.stream import MarkdownStream
from desktop.widgets.chat.writer import LineWriter
from tests.desktop.chat.test_stream import TEXTS

FORMULAS = Formulas()


@pytest.fixture(scope="module")
def look(qapp):
    return Look(LIGHT, text_font(qapp.font()), fixed_font(), FORMULAS)


def written(look, text):
    document = QTextDocument()
    LineWriter(document, look).change(0, lines_of(text))
    return document.toHtml()


def grown(look, text, cuts):
    document = QTextDocument()
    writer = LineWriter(document, look)
    source = MarkdownStream()
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    changes = [source.feed(text[start:end]) for start, end in itertools.pairwise(edges)]
    for change in [*changes, source.finish()]:
        writer.change(change.start, change.lines)
    assert writer.lines == lines_of(text)
    return document.toHtml()


@settings(max_examples=100, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=20))
@example("> quote\n\n- a\n  ```\n  code\n  ```\n- b", list(range(34)))
@example("| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\nafter", list(range(50)))
@example("> - a\n>   > b\n> ```\n> c\n> ```\nd\n\n```\ne\n```\n```\nf\n```", list(range(60)))
@example("😀 **a😀** b😀", list(range(12)))
def test_any_pieces_make_the_same_document(look, text, cuts):
    assert grown(look, text, cuts) == written(look, text)


def test_what_is_there_already_is_not_touched(look):
    document = QTextDocument()
    writer = LineWriter(document, look)
    writer.change(0, lines_of("one\n\ntwo thr"))
    document.documentLayout()
    touched = []
    document.contentsChange.connect(lambda *change: touched.append(change))
    writer.change(1, lines_of("two three"))
    assert touched == [(11, 0, 2)]


def test_a_block_of_code_gives_its_text_back(look):
    writer = LineWriter(QTextDocument(), look)
    writer.change(0, lines_of("a\n\n- b\n\n  ```python\n  x = 1\n\n  y = 2\n  ```\n\n```\nlast\n```"))
    assert [writer.code(box) for box, _ in writer.frames("code")] == ["x = 1\n\ny = 2", "last"]


def test_a_new_look_keeps_the_text(look, qapp):
    document = QTextDocument()
    writer = LineWriter(document, look)
    text = "# a\n\n> b\n\n```\nc\n```\n\n| d |\n|---|\n| e |"
    writer.change(0, lines_of(text))
    dark = Look(DARK, qapp.font(), fixed_font(), FORMULAS)
    writer.restyle(dark)
    assert document.toHtml() == written(dark, text) != written(look, text)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=lambda colours: colours.name)
def test_colours_of_code_can_be_read(colours):
    for ink, colour in INKS[colours.name].items():
        assert contrast(colour, colours.sunken) >= 4.5, ink
