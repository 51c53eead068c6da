"""The order in which a tokenizer joins pieces becomes the scores by which llama.cpp joins them."""

from __future__ import annotations

from engine.convert.methods.merges import scores

VOCABULARY = {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "ab": 4, "▁a": 5, "▁ab": 6}


def test_earlier_joins_score_better() -> None:
    merges = [["▁", "a"], ["a", "b"], ["▁a", "b"], ["▁", "ab"]]
    assert scores({"model": {"vocab": VOCABULARY, "merges": merges}}) == {5: 0.0, 4: -1.0, 6: -2.0}


def test_merges_that_are_written_as_one_text_are_read_too() -> None:
    assert scores({"model": {"vocab": VOCABULARY, "merges": ["a b", "▁ ab"]}}) == {4: 0.0, 6: -1.0}


def test_a_join_of_no_token_is_passed_over() -> None:
    assert scores({"model": {"vocab": VOCABULARY, "merges": [["b", "b"], ["a", "b"]]}}) == {4: 0.0}
