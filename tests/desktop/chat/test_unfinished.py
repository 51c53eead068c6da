"""A text that is cut off in the middle of its markup shows no stray signs."""

from __future__ import annotations

import pytest

from desktop.widgets.chat.unfinished import presentable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("some **bo", "some **bo**"),
        ("some **bold ", "some **bold**"),
        ("some **", "some "),
        ("some **bold*", "some **bold**"),
        ("some **bold**", "some **bold**"),
        ("a `co", "a `co`"),
        ("a `", "a "),
        ("a `code`", "a `code`"),
        ("As follows:\n-", "As follows:"),
        ("As follows:\n- ", "As follows:"),
        ("As follows:\n1.", "As follows:"),
        ("- one\n- tw", "- one\n- tw"),
        ("text\n##", "text"),
        ("text\n``", "text"),
        ("| a |\n|-", "| a |"),
        ("```python\nx = **", "```python\nx = **"),
        ("```\ncode\n```\n**b", "```\ncode\n```\n**b**"),
        ("", ""),
    ],
)
def test_it_is_closed_or_held_back(text, shown):
    assert presentable(text) == shown
