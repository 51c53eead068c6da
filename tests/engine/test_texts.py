"""The texts that come with Halfbyte."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import texts
from engine.errors import DamagedFile, NotFound

PASSAGE_WORDS = 14


@pytest.mark.parametrize("purpose", ["measure", "calibrate"])
def test_each_text_is_the_one_that_was_listed(purpose: texts.Purpose):
    found = texts.texts(purpose)
    assert {text.kind for text in found} == {"prose", "dialogue", "science", "code", "languages"}
    assert all(text.licence and text.source for text in found)
    assert sum(len(text.read()) for text in found) > 200_000


def test_nothing_to_measure_with_is_calibrated_with():
    measured, calibrated = (
        set().union(*(passages(text.read()) for text in texts.texts(purpose))) for purpose in ("measure", "calibrate")
    )
    assert not measured & calibrated


def passages(text: str) -> set[tuple[str, ...]]:
    """Return every run of words, so that a passage is found wherever it begins and however it is spaced."""
    words = text.split()
    return {tuple(words[start : start + PASSAGE_WORDS]) for start in range(len(words) - PASSAGE_WORDS + 1)}


def test_every_file_is_listed():
    listed = {text.path for purpose in ("measure", "calibrate") for text in texts.texts(purpose)}
    assert listed == set(texts.folder().glob("*/*.txt"))


def test_a_text_is_found_by_its_name_and_by_its_kind():
    assert texts.named("code") == texts.named("measure-code")
    assert texts.named("calibrate-code").purpose == "calibrate"
    with pytest.raises(NotFound, match="poetry"):
        texts.named("poetry")


def test_a_text_that_was_changed_is_refused(tmp_path: Path):
    file = tmp_path / "mine.txt"
    file.write_text("one", "utf-8")
    mine = texts.own_text(file)
    assert mine.read() == "one"
    file.write_text("two", "utf-8")
    with pytest.raises(DamagedFile):
        mine.read()
    with pytest.raises(NotFound):
        texts.own_text(tmp_path / "missing.txt")
