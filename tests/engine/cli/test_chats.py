"""The commands for kept conversations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine import cli
from engine.chat.history.store import History, default_file
from tests.helpers.chats import say

CASES = Path(__file__).parents[2] / "cases" / "chat"


@pytest.fixture
def number() -> int:
    with History() as history:
        entry = say(history, "Where is [bold]Zürich[/]?", "In Switzerland.")
        history.rename(entry.id, "Swiss [cities]")
    return entry.id


def test_list_and_search(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chats", "list"]) == 0
    assert "Swiss [cities]" in capsys.readouterr().out
    assert cli.main(["chats", "search", "zurich"]) == 0
    assert "Where is [bold]Zürich[/]?" in capsys.readouterr().out
    assert cli.main(["chats", "search", "switz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["conversation_id"] == number


def test_export_and_import(number: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert cli.main(["chats", "export", str(number)]) == 0
    assert capsys.readouterr().out.startswith("# Swiss [cities]\n\n## You\n\nWhere is [bold]Zürich[/]?")
    assert cli.main(["chats", "export", "--form", "json", "--output", str(tmp_path / "all.json")]) == 0
    assert cli.main(["chats", "import", str(tmp_path / "all.json")]) == 0
    assert cli.main(["chats", "import", str(CASES / "chatgpt.json")]) == 0
    with History(writing=False) as history:
        assert sorted(entry.title for entry in history.entries()) == ["Capital cities", *["Swiss [cities]"] * 2]


def test_several_need_json(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chats", "export"]) == cli.EXIT_WORLD
    assert "--form json" in capsys.readouterr().err


def test_delete_and_undo(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chats", "delete", str(number)]) == 0
    assert f"halfbyte chats delete {number} --undo" in " ".join(capsys.readouterr().err.split())
    with History(writing=False) as history:
        assert history.entries() == []
    assert cli.main(["chats", "delete", str(number), "--undo"]) == 0
    with History(writing=False) as history:
        assert len(history.entries()) == 1


def test_while_the_window_is_open_reading_works_and_writing_is_refused(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with History(default_file()):
        assert cli.main(["chats", "list"]) == 0
        assert cli.main(["chats", "delete", str(number)]) == cli.EXIT_WORLD
        assert "another window" in capsys.readouterr().err


def test_nobody_has_chatted_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chats", "list"]) == cli.EXIT_WORLD
    assert "Nobody has chatted" in capsys.readouterr().err
