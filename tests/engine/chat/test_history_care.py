"""Damage, death, migration: the store opens each time, and says what it did."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from engine.chat.conversation import Message
from engine.chat.history import care, schema
from engine.chat.history.salvage import salvage
from engine.chat.history.store import History
from engine.chat.history.tree import Node
from engine.errors import Refused
from engine.events import Odds
from tests.helpers.chats import line, say, texts


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "conversations.sqlite3"


def test_what_a_killed_app_leaves_is_joined(file: Path, tmp_path: Path) -> None:
    with History(file) as history:
        entry = say(history, "q")
        node = Node(history.new_id(), history.tree(entry.id).nodes[0].id, Message("assistant", "So"))
        recording = history.record(entry.id, node)
        for number in range(12):  # more than nine: the order is that of numbers
            recording._pending.append((f" {number}", "", None))
            history._writing_thread().do(recording._flush).result()
            recording._pending.clear()
            recording._number += 1
        recording._pending.append(("", "hm", 2.5))
        history._writing_thread().do(recording._flush).result()
        for suffix in ("", "-wal"):  # as a SIGKILL leaves it
            shutil.copy(f"{file}{suffix}", f"{tmp_path / 'dead.sqlite3'}{suffix}")
    with History(tmp_path / "dead.sqlite3") as history:
        message = history.tree(entry.id)[node.id].message
        assert message.content == "So 0 1 2 3 4 5 6 7 8 9 10 11"
        assert (message.thinking, message.thinking_s, message.ending) == ("hm", 2.5, "interrupted")
        assert [hit.message_id for hit in history.search('"10 11"')] == [node.id]


def test_a_good_copy_is_kept_once_a_day(file: Path) -> None:
    with History(file) as history:
        say(history, "q")
    assert care.is_whole(care.good_copy_path(file))
    assert not care.keep_good_copy(file)
    assert care.keep_good_copy(file, age_s=0)
    with History(care.good_copy_path(file), writing=False) as copy:
        assert len(copy.entries()) == 1


def _filled(file: Path) -> list[int]:
    with History(file) as history:
        ids = [
            say(history, *(f"text {number} {place} " + "pad " * 60 for place in range(6))).id for number in range(60)
        ]
    care.keep_good_copy(file, age_s=0)
    return ids


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_store_is_rescued_and_kept(file: Path, seed: int) -> None:
    ids = _filled(file)
    with History(file) as history:
        newer = say(history, "after the copy", "yes")
        history.show(history.tree(newer.id))
    place = random.Random(seed)
    data = bytearray(file.read_bytes())
    for _ in range(6):
        page = place.randrange(1, len(data) // 4096)
        data[page * 4096 : page * 4096 + 4096] = place.randbytes(4096)
    file.write_bytes(data)
    assert not care.is_whole(file)
    with History(file) as history:
        assert "damaged" in history.notices[0].text
        assert len(list(file.parent.glob("*.damaged-*.sqlite3"))) == 1
        for conversation_id in ids:
            assert len(history.tree(conversation_id).branch) == 6
        assert history.search("text 59 5")
    with History(file) as history:
        assert history.notices == ()


def test_what_is_newer_than_the_copy_is_salvaged(file: Path) -> None:
    _filled(file)
    with History(file) as history:
        newer = say(history, "after the copy", "yes")
        history.tree(newer.id)
    with sqlite3.connect(file) as raw:
        root = raw.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'message_search_data'").fetchone()[0]
    raw.close()
    data = bytearray(file.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    file.write_bytes(data)
    with History(file) as history:
        assert history.notices
        assert texts(history.tree(newer.id)) == ["after the copy", "yes"]
        assert history.search("after the cop")


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 400])
def test_without_anything_readable_the_good_copy_is_taken(file: Path, content: bytes) -> None:
    ids = _filled(file)
    file.write_bytes(content)
    with History(file) as history:
        assert [entry.id for entry in history.entries()] == ids[::-1]
        assert history.notices


def test_without_a_copy_a_new_store_is_begun_and_the_old_file_kept(file: Path) -> None:
    file.write_bytes(b"x" * 9000)
    with History(file) as history:
        assert history.entries() == []
        assert "kept" in history.notices[0].text
    assert next(file.parent.glob("*.damaged-*")).read_bytes() == b"x" * 9000


def test_salvaged_orphans_find_a_place(file: Path) -> None:
    """Messages whose parent or whose conversation cannot be read any more are still shown."""
    with History(file) as history:
        entry = say(history, "lost", "found")
        history.add(entry.id, line("second root", first_id=history.new_id())[0])
    with sqlite3.connect(file) as raw:
        raw.create_function("spaced", 1, schema.spaced, deterministic=True)
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("DELETE FROM messages WHERE content = 'lost'")
        raw.execute("DELETE FROM conversations")
    raw.close()
    target = file.with_name("new.sqlite3")
    fresh = schema.connect(target, writing=True)
    schema.migrate(fresh)
    assert salvage(file, fresh) == 2
    assert fresh.execute("PRAGMA foreign_key_check").fetchall() == []
    fresh.close()
    with History(target) as history:
        assert history.entries()[0].title == "Recovered conversation"
        assert {node.message.content for node in history.tree(entry.id).nodes} == {"found", "second root"}
        assert len(history.tree(entry.id).branch) == 1


def test_a_migration_runs_on_a_copy_and_keeps_the_old_file(file: Path) -> None:
    with History(file) as history:
        entry = say(history, "q", "a")
    more = (*schema.MIGRATIONS, "ALTER TABLE conversations ADD COLUMN colour TEXT NOT NULL DEFAULT ''")
    assert care.prepare(file, more) == []
    connection = schema.connect(file, writing=True)
    assert schema.version(connection) == len(more)
    assert connection.execute("SELECT colour FROM conversations").fetchall() == [("",)]
    connection.close()
    with History(file.with_name(f"conversations.v{len(schema.MIGRATIONS)}.sqlite3")) as old:
        assert texts(old.tree(entry.id)) == ["q", "a"]


def test_a_store_of_before_the_odds_gets_a_place_for_them(file: Path) -> None:
    older = schema.MIGRATIONS[:2]
    with contextlib.closing(schema.connect(file, writing=True)) as connection:
        schema.migrate(connection, older)
    with History(file, writing=False) as old:
        assert old.odds(1) == ()
    with History(file) as history:
        entry = say(history, "q", "a")
        node = history.tree(entry.id).nodes[1]
        history.record(entry.id, node).finish(node.message, [Odds("a", -0.5)])
        assert history.odds(node.id) == (Odds("a", -0.5),)
    assert file.with_name("conversations.v2.sqlite3").exists()


def test_odds_are_rescued_with_their_message(file: Path) -> None:
    with History(file) as history:
        entry = say(history, "q", "a")
        node = history.tree(entry.id).nodes[1]
        history.record(entry.id, node).finish(node.message, [Odds("a", -0.5)])
        history.add(entry.id, line("to be lost", first_id=history.new_id())[0])
    with sqlite3.connect(file) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute("INSERT INTO odds VALUES (999, x'00')")
    raw.close()
    target = file.with_name("new.sqlite3")
    with contextlib.closing(schema.connect(target, writing=True)) as fresh:
        schema.migrate(fresh)
        salvage(file, fresh)
        assert fresh.execute("PRAGMA foreign_key_check").fetchall() == []
    with History(target) as history:
        assert history.odds(node.id) == (Odds("a", -0.5),)


def test_a_migration_that_fails_leaves_the_store_as_it_was(file: Path) -> None:
    with History(file) as history:
        entry = say(history, "q")
    with pytest.raises(sqlite3.OperationalError):
        care.prepare(file, (*schema.MIGRATIONS, "CREATE TABLE half (id INTEGER); SELECT nonsense FROM nowhere"))
    with History(file) as history:
        assert texts(history.tree(entry.id)) == ["q"]


def test_a_store_of_a_newer_version_is_left_alone(file: Path) -> None:
    with History(file) as history:
        say(history, "q")
    connection = schema.connect(file, writing=True)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(Refused, match="newer Halfbyte"):
        History(file)
    with pytest.raises(Refused, match="newer Halfbyte"):  # and the lock was let go
        History(file)
