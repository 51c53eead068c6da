"""Two models answer in the terminal; the vote is kept and counted."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from engine.chat.history.store import History
from engine.cli import EXIT_CANCELLED, EXIT_WORLD, main
from tests.helpers.scripts import recorded, script


def answer_with(monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr("click.prompt", lambda *_args, **_more: typed)


def test_a_vote_is_kept_with_both_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = script(tmp_path, "one", chunks=["Yes."]), script(tmp_path, "two", chunks=["No."])
    answer_with(monkeypatch, "2")
    assert main(["duel", str(one.path), str(two.path), "Well?"]) == 0
    told = capsys.readouterr()
    assert told.out.split() == ["Yes.", "No."]
    assert "1 better, 0 worse" in told.err.splitlines()[-1]
    with History(writing=False) as history:
        (vote,), (entry,) = history.votes(), history.entries()
        tree = history.tree(entry.id)
    assert (vote.verdict, vote.blind, vote.question_id) == ("second", False, tree.branch[0].id)
    assert [node.message.content for node in tree.children(tree.branch[0].id)] == ["Yes.", "No."]
    assert entry.title == "Well?"


def test_blind_tells_the_names_only_after_the_vote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(script(tmp_path, name, chunks=["Yes."]).path) for name in ("one", "two")]
    before: list[str] = []
    monkeypatch.setattr("click.prompt", lambda *_args, **_more: before.append(capsys.readouterr().err) or "")
    assert main(["duel", *paths, "Well?", "--blind"]) == 0
    assert "Model 1" in before[0] and "script" not in before[0]
    assert "no votes yet" in capsys.readouterr().err
    with History(writing=False) as history:
        assert history.votes() == []


def test_without_a_vote_the_answers_stay_and_ctrl_c_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(script(tmp_path, name, chunks=["Yes."]).path) for name in ("one", "two")]

    def pressed(*_args: object, **_more: object) -> str:
        raise click.Abort

    monkeypatch.setattr("click.prompt", pressed)
    assert main(["duel", *paths, "Well?"]) == EXIT_CANCELLED
    assert "bug" not in capsys.readouterr().err
    with History() as history:
        (entry,) = history.entries()
        assert len(history.tree(entry.id).nodes) == 3
        assert history.votes() == []


def test_nothing_is_loaded_while_a_window_holds_the_conversations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = script(tmp_path, "one", chunks=["x"]), script(tmp_path, "two", chunks=["x"])
    with History():
        assert main(["duel", str(one.path), str(two.path), "Well?"]) == EXIT_WORLD
    assert "open in another window" in capsys.readouterr().err
    assert recorded(one) == recorded(two) == []
