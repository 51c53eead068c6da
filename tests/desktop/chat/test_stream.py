"""Whatever the pieces that an answer comes in, its last lines are those of the whole text parsed at once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from desktop.widgets.chat import stream
from desktop.widgets.chat.highlight import Highlighter
from desktop.widgets.chat.markdown import lines_of, plain
from desktop.widgets.chat.stream import MarkdownStream

CHARACTERS = "#*_-+>`~|[]()!\\&<:.\t\r\n 1xé😀\u2029\ufdd0\x00"
PIECES = [
    "**", "```", "```python\n", "~~~", "    ", "# ", "## ", "- ", "* ", "1. ", "7) ", "> ", "- [ ] ", "- [x] ", "---\n",
    "===\n", "-\n", "| a | b |\n", "|---|:-:|\n", "[a]: /b\n", "[a]", "[^1]", "[^1]: note\n", "word ", "def f(x):\n",
    "<b>", "![i](u)", "[l](http://x.y)", "\n\n", "  \n",
    "$", "$x$", "$$", "$$\n", "\\[", "\\]", "\\(y\\)", "\\begin{a}", "\\end{a}\n",
]  # fmt: skip
MARKS = st.sampled_from([*CHARACTERS, "\r\n", *PIECES])
TEXTS = st.one_of(st.lists(MARKS, max_size=40).map("".join), st.text(max_size=80))


def streamed(text, cuts, highlight=plain):
    lines = []
    source = MarkdownStream(highlight)
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    for start, end in itertools.pairwise(edges):
        change = source.feed(text[start:end])
        lines[change.start :] = change.lines
    change = source.finish()
    lines[change.start :] = change.lines
    return lines


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 10_000), max_size=20))
@example("para\n#foo", [6])
@example("a\nb | c\n--|--x", [13])
@example("1. a\n1. b\n\n1. c\n", [5, 11])
@example("a\r\nb\n\n- c\r\n\r\n- d", [2, 3, 9, 12])
@example("see [a]\n\n[a]: /b", [9])
def test_any_pieces_end_as_the_whole(text, cuts):
    assert streamed(text, cuts) == lines_of(text)


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_one_character_at_a_time_ends_as_the_whole(text):
    assert streamed(text, range(len(text))) == lines_of(text)


def loaded(language):
    highlighter = Highlighter()
    highlighter.load(language)
    return highlighter


CODE = st.sampled_from(["def f():\n", "    x = 1\n", "\n", "'''", "# c\n", "class A:\n"])


@settings(max_examples=40, deadline=None)
@given(st.lists(CODE, max_size=300), st.data())
def test_code_ends_with_the_same_colours(parts, data):
    text = "```python\n" + "".join(parts) + "```\n\nend"
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    assert streamed(text, cuts, loaded("python")) == lines_of(text, loaded("python"))


TABLE = "| a | b |\n|---|---|\n" + "| c | d |\n" * 50


@pytest.mark.parametrize("unit", ["word **bold** ", TABLE, "- item\n  - inner\n" * 5])
def test_a_long_unit_grows_plainly_and_ends_as_the_whole(unit, monkeypatch):
    monkeypatch.setattr(stream, "LONG_UNIT", 100)
    text = unit * 3 + "\n\nend of it"
    assert streamed(text, range(0, len(text), 7)) == lines_of(text)


def test_settled_lines_are_not_sent_again():
    source = MarkdownStream()
    source.feed("# One\n\ntwo\n\n- a\n- b\n")
    change = source.feed("- c")
    assert change.start == 3  # the heading, the paragraph, the first item
    assert [line.text for line in change.lines] == ["b", "c"]
