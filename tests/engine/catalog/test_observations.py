"""The file of observations: bounded, and never in the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from engine.catalog import observations
from engine.catalog.observations import Observations
from engine.recommend.corrections import Case, Observation

CASE = Case("CPU", "llama.cpp 1", "llama", "gguf-q4_k_m", 4096, 10**9)
ROW = Observation("memory", 100.0, 90.0, CASE)


def test_what_was_noted_is_there_again_and_can_be_forgotten(tmp_path: Path) -> None:
    store = Observations(tmp_path / "o.json")
    assert store.note("a", [ROW])
    assert store.note("a", [ROW])
    assert Observations(tmp_path / "o.json").corrections().observations == (ROW,)
    assert store.forget() == 1
    assert store.corrections().observations == ()


def test_the_oldest_go_first(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(observations, "KEPT", 2)
    store = Observations(tmp_path / "o.json")
    for number in (1.0, 2.0, 3.0):
        store.note(str(number), [Observation("memory", 1.0, number, CASE)])
    assert [row.measured for row in store.corrections().observations] == [2.0, 3.0]


def test_of_one_case_the_newest_stay(tmp_path: Path) -> None:
    store = Observations(tmp_path / "o.json")
    other = Observation("memory", 1.0, 1.0, replace(CASE, cache_type="q8_0"))
    store.note("other", [other])
    for number in range(1, observations.KEPT_ALIKE + 3):
        store.note(str(number), [Observation("memory", 1.0, number, CASE)])
    kept = store.corrections().observations
    assert [row.measured for row in kept] == [1.0, *range(3, observations.KEPT_ALIKE + 3)]


def test_what_cannot_be_is_not_kept(tmp_path: Path) -> None:
    store = Observations(tmp_path / "o.json")
    for measured in (0.0, -1.0, float("nan"), float("inf")):
        assert not store.note("a", [Observation("memory", 1.0, measured, CASE)])
    assert not (tmp_path / "o.json").exists()


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "o.json"
    file.write_text('{"rows": {"a"', "utf-8")
    assert Observations(file).corrections().observations == ()
    assert (tmp_path / "o.json.damaged").exists()


def test_rows_that_mean_nothing_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "o.json"
    store = Observations(file)
    store.note("good", [ROW])
    state = json.loads(file.read_text("utf-8"))
    good = state["rows"]["good memory"]
    state["rows"] |= {
        "a": None,
        "b": {**good, "measured": -1},
        "c": {**good, "quantity": "?"},
        "d": {**good, "case": 3},
        "e": {**good, "formulas": 0},
    }
    file.write_text(json.dumps(state), "utf-8")
    assert store.corrections().observations == (ROW,)
