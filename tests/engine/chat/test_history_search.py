"""Search: what is found, what a jump needs, and that nothing a person types is an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.chat.conversation import Message
from engine.chat.history.search import Hit, query, snippet
from engine.chat.history.store import History
from engine.chat.history.tree import Node
from tests.helpers.chats import say, texts


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    with History(tmp_path_factory.mktemp("search") / "c.sqlite3") as history:
        say(history, "Wo liegt Zürich?", "Zürich liegt in der Schweiz, am Zürichsee.")
        say(history, "How do I parse JSON?", "Use json.loads(text) in Python.")
        say(history, "请告诉我北京的天气", "北京今天晴。")
        say(history, "the end", "the middle of the end")
        yield history


def found(hits: list[Hit]) -> list[str]:
    return [hit.snippet.text for hit in hits]


def test_a_snippet_has_no_signs_of_markdown_and_its_marks_are_right() -> None:
    marked = "# A **\2bold\3** `word` of \0022 * 3\3 #1"
    cleaned = snippet(marked)
    assert cleaned.text == "A bold word of 2 * 3 #1"
    assert [cleaned.text[start:end] for start, end in cleaned.marks] == ["bold", "2 * 3"]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("zurich", "Zürich liegt in der Schweiz, am Zürichsee."),
        ("ZÜRICH schw", "Zürich liegt in der Schweiz, am Zürichsee."),
        ("json.loads", "Use json.loads(text) in Python."),
        ('"parse json"', "How do I parse JSON?"),
        ("天气", "请告诉我北京的天气"),
        ("北京", "北京今天晴。"),
        ("text) in", "Use json.loads(text) in Python."),
        ("AND", ""),
        ('"json parse"', ""),
        ("京天", ""),
        ("schw zurich", ""),  # only the last word may go on
    ],
)
def test_what_is_found(history: History, text: str, first: str) -> None:
    assert next(iter(found(history.search(text))), "") == first


def test_marks_are_where_the_words_stand(history: History) -> None:
    snippet = history.search("zurich lieg")[0].snippet
    assert [snippet.text[start:end] for start, end in snippet.marks] == ["Zürich", "liegt"]
    snippet = history.search("天气")[0].snippet
    assert "".join(snippet.text[start:end] for start, end in snippet.marks).replace("\u200b", "") == "天气"


def test_the_newest_come_first_and_no_more_than_asked(history: History) -> None:
    assert found(history.search("the")) == ["the middle of the end", "the end"]
    assert found(history.search("the", limit=1)) == ["the middle of the end"]


def test_a_hit_leads_to_its_branch(tmp_path: Path) -> None:
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "question", "needle in the old answer")
        question = history.tree(entry.id).nodes[0]
        history.add(entry.id, Node(history.new_id(), question.id, Message("assistant", "new answer")))
        (hit,) = history.search("needle")
        tree = history.tree(hit.conversation_id)
        assert texts(tree) == ["question", "new answer"]
        assert hit.message_id is not None
        assert texts(tree.showing(hit.message_id)) == ["question", "needle in the old answer"]


def test_titles_and_system_prompts_are_found_and_follow_changes(tmp_path: Path) -> None:
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "hi", system_prompt="You are a pirate.")
        history.rename(entry.id, "Treasure maps")
        (hit,) = history.search("treas")
        assert (hit.role, hit.message_id, hit.title) == ("title", None, "Treasure maps")
        assert history.search("pirate")[0].role == "system"
        history.rename(entry.id, "Ships")
        assert history.search("treas") == []
        history.delete(entry.id)
        assert history.search("ships") == []


def test_an_edited_text_is_found_and_the_old_one_is_not(tmp_path: Path) -> None:
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "apples", "pears")
        node = history.tree(entry.id).nodes[1]
        history.set_message(node.id, Message("assistant", "plums", "after thinking of quinces"))
        assert history.search("pears") == []
        assert [hit.message_id for hit in history.search("quinc")] == [node.id]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=40), st.text('"*()^:-+{}[]AND ORNOT\0\\abc天', max_size=20)))
def test_nothing_that_is_typed_is_an_error(history: History, text: str) -> None:
    history.search(text, limit=3)


@pytest.mark.parametrize("text", ["", "   ", '"', '""', "***", "()", "\0"])
def test_nothing_to_look_for(history: History, text: str) -> None:
    assert query(text) == ""
    assert history.search(text) == []


def test_a_title_with_markdown_in_it_is_found_as_a_title(tmp_path: Path) -> None:
    with History(tmp_path / "c.sqlite3") as history:
        entry = say(history, "How?", "So.")
        history.rename(entry.id, "What `ls` does", "person").result()
        assert [(hit.role, hit.snippet.text) for hit in history.search("ls")] == [("title", "What ls does")]
