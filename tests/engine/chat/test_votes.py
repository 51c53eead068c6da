"""Votes are kept, outlive their conversation, and are counted for each model."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.catalog.library import Library
from engine.chat.duel import fit_together, paired, side_of
from engine.chat.history import schema
from engine.chat.history.store import History
from engine.errors import Refused
from engine.measure.votes import Side, Tally, Vote, tallies
from engine.runtime.options import LoadOptions
from tests.helpers.chats import say
from tests.helpers.machines import GIB, machine
from tests.helpers.scripts import script

ONE, TWO = Side("1" * 64, "gguf-q4_k_m", "a/one.gguf"), Side("2" * 64, "gguf-q8_0", "a/two.gguf")


def test_votes_are_counted_on_both_sides() -> None:
    votes = [Vote(ONE, TWO, "first", True), Vote(TWO, ONE, "first", False), Vote(ONE, TWO, "tie", True)]
    assert tallies(votes) == {ONE.sha256: Tally(1, 1, 1), TWO.sha256: Tally(1, 1, 1)}
    assert tallies(votes[:1]) == {ONE.sha256: Tally(better=1), TWO.sha256: Tally(worse=1)}
    assert tallies([]) == {}


def test_a_vote_outlives_the_question_that_it_is_about(tmp_path: Path) -> None:
    with History(tmp_path / "store.sqlite3") as history:
        entry = say(history, "Which?", "This.")
        question = history.tree(entry.id).branch[0].id
        vote = Vote(ONE, TWO, "second", True, question, 12.5)
        history.vote(vote).result()
        assert history.votes() == [vote]
        history.delete(entry.id)
        history.purge().result()
        assert history.votes() == [Vote(ONE, TWO, "second", True, None, 12.5)]


def test_a_store_of_before_votes_gets_their_table(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite3"
    old = schema.connect(file, writing=True)
    schema.migrate(old, schema.MIGRATIONS[:1])
    old.close()
    with History(file, writing=False) as history:
        assert history.votes() == []
    with History(file) as history:
        history.vote(Vote(ONE, TWO, "tie", False)).result()
        assert len(history.votes()) == 1
    assert sqlite3.connect(file.with_name("store.v1.sqlite3")).execute("PRAGMA user_version").fetchone() == (1,)


def test_blind_mixes_the_order_and_one_model_alone_is_refused(tmp_path: Path) -> None:
    paths = [script(tmp_path, name, chunks=["x"]).path for name in ("one", "two")]
    library, options = Library(tmp_path), LoadOptions()

    def order(seed: int, *, blind: bool) -> list[Path]:
        found = paired(library, paths, options, blind=blind, place=random.Random(seed))
        return [each.checkpoint.path for each in found.contestants]

    assert all(order(seed, blind=False) == paths for seed in range(8))
    assert {tuple(order(seed, blind=True)) for seed in range(8)} == {tuple(paths), tuple(reversed(paths))}
    with pytest.raises(Refused, match="different"):
        paired(library, [paths[0], paths[0]], options, blind=True)


def test_a_side_is_known_by_the_bytes_of_its_file(tmp_path: Path) -> None:
    one, same, other = (script(tmp_path, name, chunks=[text]) for name, text in (("a", "x"), ("b", "x"), ("c", "y")))
    assert side_of(one).sha256 == side_of(same).sha256 != side_of(other).sha256


@pytest.mark.parametrize(
    ("described", "layers", "together"),
    [
        ({"free_gib": 16}, -1, True),
        ({"free_gib": 4}, -1, False),
        ({"free_gib": 64, "gpu": {"vendor": "nvidia", "free_gib": 4}}, -1, False),
        ({"free_gib": 64, "gpu": {"vendor": "nvidia", "free_gib": 4}}, 0, True),
        ({"free_gib": 4, "gpu": {"vendor": "nvidia", "free_gib": 16}}, -1, True),
        ({"free_gib": 64, "gpu": {"vendor": "nvidia", "free_gib": 4}, "offload": False}, -1, True),
        ({"free_gib": 16, "gpu": {"vendor": "apple", "free_gib": 4, "unified": True}}, -1, False),
    ],
)
def test_both_are_in_memory_at_once_only_where_both_fit_what_computes(
    tmp_path: Path, described: dict[str, Any], layers: int, together: bool
) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(b"unreadable: its size counts")
    models = [Checkpoint(file, name, "gguf-q4_k_m", 2 * GIB) for name in ("one", "two")]
    assert fit_together(models, LoadOptions(gpu_layers=layers), machine(described)) is together


@pytest.mark.parametrize(("cards", "together"), [(1, False), (2, True)])
def test_two_that_compute_on_one_card_each_take_two_cards(tmp_path: Path, cards: int, together: bool) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"unreadable: its size counts")
    models = [Checkpoint(file, name, "bnb-nf4", 2 * GIB) for name in ("one", "two")]
    gpus = [{"vendor": "nvidia", "free_gib": 4, "name": f"card {number}"} for number in range(cards)]
    assert fit_together(models, LoadOptions(), machine({"free_gib": 64, "gpus": gpus})) is together
