"""Markdown becomes lines: what stands where, in which style, and nothing that could be fetched or run."""

from __future__ import annotations

import pytest

from desktop.widgets.chat.lines import LINE_BREAK, Formula, Span, Style
from desktop.widgets.chat.markdown import lines_of


def shape(text):
    return [(line.role, line.marker, line.indent, line.text) for line in lines_of(text)]


def test_lists_keep_their_numbers_and_depth():
    assert shape("3. a\n7. b\n   - c\n     - d") == [
        ("paragraph", "3.", 1, "a"),
        ("paragraph", "4.", 1, "b"),
        ("paragraph", "◦", 2, "c"),
        ("paragraph", "▪", 3, "d"),
    ]


def test_tasks_show_whether_they_are_done():
    assert shape("- [ ] open\n- [x] done\n- [y] neither") == [
        ("paragraph", "☐", 1, "open"),
        ("paragraph", "☑", 1, "done"),
        ("paragraph", "•", 1, "[y] neither"),
    ]


def test_an_item_that_begins_with_code_keeps_its_marker():
    assert shape("- ```\n  x\n  ```") == [
        ("paragraph", "•", 1, ""),
        ("label", "", 0, "code"),
        ("code", "", 0, "x"),
    ]


def test_boxes_tell_what_a_line_stands_in():
    lines = lines_of("> - a\n>\n>   ```sh\n>   ls\n>   ```\n\nafter")
    assert [[(box.kind, box.number, box.indent) for box in line.boxes] for line in lines] == [
        [("quote", 0, 0)],
        [("quote", 0, 0), ("code", 1, 1)],
        [("quote", 0, 0), ("code", 1, 1)],
        [],
    ]
    assert lines[2].boxes[1].language == "sh"


def test_a_table_has_cells_and_alignments():
    head, body = lines_of("| a | b |\n|:-:|--:|\n| **c** | d |")
    assert head.boxes[0].aligns == ("center", "right")
    assert (head.level, body.level) == (1, 0)
    assert body.cells == ((Span("c", Style(bold=True)),), (Span("d"),))


def test_styles_nest():
    (line,) = lines_of("a ***b*** ~~c~~ `d` [*e*](https://f.org)")
    assert line.spans == (
        Span("a "),
        Span("b", Style(bold=True, italic=True)),
        Span(" "),
        Span("c", Style(strike=True)),
        Span(" "),
        Span("d", Style(code=True)),
        Span(" "),
        Span("e", Style(italic=True, link="https://f.org")),
    )


def test_a_line_break_is_kept():
    assert lines_of("one\ntwo")[0].text == f"one{LINE_BREAK}two"


def test_footnotes_stand_at_the_end():
    assert shape("text[^n]\n\n[^n]: note") == [
        ("paragraph", "", 0, "text[1]"),
        ("rule", "", 0, ""),
        ("paragraph", "1.", 1, "note"),
    ]


@pytest.mark.parametrize("html", ["<b>x</b>", "<script>alert(1)</script>", "<img src=x onerror=y>", "<!-- c -->"])
def test_raw_html_stays_text(html):
    assert lines_of(html)[0].text == html
    assert lines_of(f"a {html} b")[0].text == f"a {html} b"


def test_an_image_is_a_link_to_it():
    (line,) = lines_of("![a cat](https://example.org/cat.png)")
    assert line.spans == (Span("a cat", Style(link="https://example.org/cat.png")),)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "file:///etc/passwd", "vbscript:x", "data:text/html,x"])
def test_a_link_that_could_do_harm_is_text(address):
    (line,) = lines_of(f"[click]({address})")
    assert not any(span.style.link for span in line.spans)


def formulas(text):
    return [span.formula for line in lines_of(text) for span in line.spans if span.formula]


@pytest.mark.parametrize(
    ("text", "latex", "display"),
    [
        (r"a $x_1$ b", "x_1", False),
        (r"a \(x_1\) b", "x_1", False),
        (r"a $$x$$ b", "x", True),
        ("text\n\\[\nx^2\n\\]\nmore", "x^2", True),
        ("- a\n  $$\n  x\n  - y\n  $$", "x\n- y", True),
        ("> $$\n> x\n> $$", "x", True),
        ("\\begin{align}\na\n\\end{align}", "\\begin{align}\na\n\\end{align}", True),
        (r"$a\$b$", r"a\$b", False),
        ("# $x$", "x", False),
    ],
)
def test_formulas_are_known_by_their_signs(text, latex, display):
    assert formulas(text) == [Formula(latex, display)]


@pytest.mark.parametrize(
    "text",
    ["It costs $5 and $10.", "$ x $", "`$x$`", "```\n$$x$$\n```", "$x", r"\(x", "$$", "$x$2", "$$\nx\n\ny", "    $x$"],
)
def test_other_dollars_are_text(text):
    assert formulas(text) == []
    assert "".join(line.text for line in lines_of(text)).strip(f"code{LINE_BREAK}")


def test_a_formula_keeps_its_source_and_style():
    (line,) = lines_of("**a $x$**")
    assert line.spans == (Span("a ", Style(bold=True)), Span("$x$", Style(bold=True), Formula("x", False)))


def test_two_formulas_in_a_row_are_two():
    assert formulas("$x$$y$") == [Formula("x", False), Formula("y", False)]
