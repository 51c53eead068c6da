"""The store: what is written is read again, changes come in order, one process writes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.chat.conversation import Message
from engine.chat.history.store import History
from engine.chat.history.tree import Node
from engine.errors import DiskFull, NotFound, Refused
from engine.events import Odds
from tests.helpers.chats import RICH, line, say, texts


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "conversations.sqlite3") as history:
        yield history


def test_a_message_keeps_all_that_it_remembers(history: History) -> None:
    entry, _ = history.new("Be kind.", when_full="stop")
    question = Node(history.new_id(), None, Message("user", "Why? \ud800 é 中文"), 12.5)
    answer = Node(history.new_id(), question.id, RICH, 13.5)
    for node in (question, answer):
        history.add(entry.id, node)
    tree = history.tree(entry.id)
    assert tree.system_prompt == "Be kind."
    assert tree[answer.id] == answer
    assert tree[question.id].message.content == "Why? ? é 中文"
    assert history.entry(entry.id).options == {"when_full": "stop"}


def test_ids_are_never_given_twice(tmp_path: Path) -> None:
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "a", "b")
        last = history.tree(entry.id).nodes[-1].id
    with History(tmp_path / "c.sqlite3") as history:
        assert history.new_id() > last


def test_the_shown_branch_is_remembered(history: History) -> None:
    entry = say(history, "q", "a")
    tree = history.tree(entry.id)
    second = Node(history.new_id(), tree.nodes[0].id, Message("assistant", "b", ending="stop"))
    history.add(entry.id, second)
    assert texts(history.tree(entry.id)) == ["q", "b"]
    history.show(history.tree(entry.id).showing(tree.nodes[1].id))
    assert texts(history.tree(entry.id)) == ["q", "a"]
    history.remove(history.tree(entry.id), tree.nodes[1].id)
    assert texts(history.tree(entry.id)) == ["q", "b"]


def test_the_list_has_pinned_ones_first_and_deleted_ones_apart(history: History) -> None:
    first, second, third = (say(history, text) for text in ("one", "two", "three"))
    history.change(first.id, pinned=True, folder="Work")
    history.delete(second.id)
    assert [entry.id for entry in history.entries()] == [first.id, third.id]
    assert [entry.id for entry in history.deleted()] == [second.id]
    assert history.folders() == ["Work"]
    assert [entry.id for entry in history.entries(folder="Work")] == [first.id]
    history.undelete(second.id)
    history.change(third.id, archived=True)
    assert [entry.id for entry in history.entries()] == [first.id, second.id]
    assert [entry.id for entry in history.entries(archived=True)] == [third.id]


def test_purging_deletes_for_good(history: History) -> None:
    entry = say(history, "secret word")
    history.delete(entry.id)
    history.purge()
    assert history.deleted() == []
    assert history.search("secret") == []
    with pytest.raises(NotFound):
        history.tree(entry.id)


def test_a_title_that_the_person_gave_stays(history: History) -> None:
    entry = say(history, "hello")
    history.rename(entry.id, "Greetings", by="model")
    history.rename(entry.id, "Mine")
    history.rename(entry.id, "Theirs", by="model")
    assert (history.entry(entry.id).title, history.entry(entry.id).titled_by) == ("Mine", "person")


def test_a_running_answer_is_on_disk_within_a_quarter_second(history: History) -> None:
    entry = say(history, "q")
    node = Node(history.new_id(), history.tree(entry.id).nodes[0].id, Message("assistant", ""))
    recording = history.record(entry.id, node)
    recording.add("hm", "thinking", 0.5)
    recording.add("Hel")
    recording.add("lo")
    time.sleep(0.25)
    with History(history.file, writing=False) as other:
        message = other.tree(entry.id)[node.id].message
    assert (message.content, message.thinking, message.thinking_s) == ("Hello", "hm", 0.5)
    assert message.ending == "interrupted"
    recording.add(" there")
    recording.finish(RICH)
    assert history.tree(entry.id)[node.id].message == RICH
    with sqlite3.connect(history.file) as raw:
        assert raw.execute("SELECT count(*) FROM pieces").fetchone() == (0,)
    raw.close()


def test_how_likely_the_tokens_were_is_there_after_a_restart(tmp_path: Path) -> None:
    first, second = Odds("Par", -0.12345, (("Par", -0.12345), ("🍎", -2.5))), Odds("is", -1.0)
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "q")
        node = Node(history.new_id(), history.tree(entry.id).nodes[0].id, Message("assistant", ""))
        history.record(entry.id, node).finish(RICH, [first])
    with History(tmp_path / "c.sqlite3") as history:
        rounded = first._replace(logprob=-0.1235, top=(("Par", -0.1235), ("🍎", -2.5)))
        assert history.odds(node.id) == (rounded,)
        history.record(entry.id, history.tree(entry.id)[node.id]).finish(RICH, [second])  # went on where it broke off
        assert history.whole_tree(entry.id).odds == {node.id: (rounded, second)}
        history.delete(entry.id)
        history.purge()
        assert history.odds(node.id) == ()


def test_odds_take_little_room(tmp_path: Path) -> None:
    words = Path(__file__).read_text("utf-8").split()[:500]
    odds = [Odds(word, -0.1234, tuple((word[::-1] + word[:n], -1.2345 - n) for n in range(5))) for word in words]
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "q", "a")
        node = history.tree(entry.id).nodes[1]
        history.record(entry.id, node).finish(node.message, odds)
        assert len(history.odds(node.id)) == 500
        with sqlite3.connect(history.file) as raw:
            assert raw.execute("SELECT length(record) FROM odds").fetchone()[0] < 500 * 60
        raw.close()


def test_a_longer_answer_grows_by_what_is_new(history: History) -> None:
    """Not the whole text is written again and again: the journal's rows are as long as what came."""
    entry = say(history, "q", "x" * 100_000)
    node = history.tree(entry.id).nodes[1]
    recording = history.record(entry.id, node)
    recording.add(" more")
    time.sleep(0.2)
    with sqlite3.connect(history.file) as raw:
        assert raw.execute("SELECT content FROM pieces").fetchall() == [(" more",)]
    raw.close()
    assert history.tree(entry.id)[node.id].message.content.endswith("x more")
    recording.finish(RICH)


def test_a_second_writer_is_refused_and_a_reader_is_not(history: History) -> None:
    entry = say(history, "q")
    with pytest.raises(Refused, match="another window"):
        History(history.file)
    assert history.entry(entry.id)
    with History(history.file, writing=False) as reader:
        assert texts(reader.tree(entry.id)) == ["q"]
        with pytest.raises(Refused, match="only be read"):
            reader.delete(entry.id)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        History(tmp_path / "c.sqlite3", writing=False)


def test_changes_do_not_wait_for_the_disk(history: History) -> None:
    """Another program holds the file for a second; asking for changes takes no time all the same."""
    entry = say(history, "q")
    history.tree(entry.id)
    holder = sqlite3.connect(history.file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    started_s = time.perf_counter()
    renamed = history.rename(entry.id, "Later")
    recording = history.record(entry.id, Node(history.new_id(), None, Message("assistant", "")))
    recording.add("word")
    assert time.perf_counter() - started_s < 0.05
    assert not renamed.done()
    holder.execute("COMMIT")
    holder.close()
    assert history.entry(entry.id).title == "Later"


def test_a_full_disk_is_said_and_words_are_kept_for_later(tmp_path: Path) -> None:
    faults: list[BaseException] = []
    with History(tmp_path / "c.sqlite3", on_fault=faults.append) as history:
        entry = say(history, "q")
        set_room(history, 1)  # page, which is taken
        recording = history.record(entry.id, Node(history.new_id(), None, Message("assistant", "")))
        recording.add("w" * 3_000_000)
        wait_for(lambda: recording.fault is not None)
        assert isinstance(recording.fault, DiskFull)
        assert isinstance(faults[-1], DiskFull)
        set_room(history, 1_000_000)
        wait_for(lambda: recording.fault is None)
        assert any(len(node.message.content) == 3_000_000 for node in history.tree(entry.id).nodes)


def set_room(history: History, pages: int) -> None:
    history._change(lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()).result()


def wait_for(condition: Callable[[], bool], limit_s: float = 5.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_conversation_of_2000_messages_opens_quickly(history: History) -> None:
    entry, _ = history.new()
    base = history.new_id()
    nodes = line(*(f"message {number} " + "word " * 100 for number in range(2000)), first_id=base)
    for node in nodes:
        history.add(entry.id, node)
    history.entry(entry.id)
    started_s = time.perf_counter()
    assert len(history.tree(entry.id).branch) == 2000
    assert time.perf_counter() - started_s < 0.5
