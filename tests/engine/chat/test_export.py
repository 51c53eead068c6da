"""Export and import: our own round trip loses nothing, and other programs' files are understood."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.chat.conversation import LeftOut, Message, Origin
from engine.chat.export.html import as_html
from engine.chat.export.markdown import as_markdown
from engine.chat.export.records import as_json
from engine.chat.history.rows import Entry
from engine.chat.history.store import History
from engine.chat.history.tree import Node, Tree
from engine.chat.importing.drafts import ForeignNode, tree_of
from engine.chat.importing.files import Importing, read_file, renumbered
from engine.chat.importing.pieces import Pieces
from engine.errors import Cancelled, DamagedFile, NotFound, Refused
from engine.events import Finished, Notice, Odds, Progress
from engine.runtime.results import Usage
from tests.helpers.chats import RICH, grown, line, texts

CASES = Path(__file__).parents[2] / "cases" / "chat"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SECONDS = st.floats(0, 2e9)
LOGPROB = st.floats(-99, 0).map(lambda value: round(value, 4))
ODDS = st.lists(
    st.builds(Odds, TEXT, LOGPROB, st.lists(st.tuples(TEXT, LOGPROB), max_size=3).map(tuple)), min_size=1, max_size=4
).map(tuple)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "c.sqlite3") as history:
        yield history


@st.composite
def messages(draw: st.DrawFn) -> Message:
    if draw(st.booleans()):
        return Message("user", draw(TEXT))
    usage = Usage(*draw(st.tuples(*[st.integers(0, 10**9)] * 3, *[SECONDS] * 3, st.integers(0, 10**12))), "length", 5)
    return Message(
        "assistant",
        draw(TEXT),
        draw(TEXT),
        draw(st.sampled_from(["stop", "length", "context", "cancelled", "failed", "interrupted"])),
        draw(st.none() | st.just(usage)),
        draw(st.none() | SECONDS),
        draw(st.none() | st.builds(Origin, TEXT, TEXT, TEXT, TEXT, st.dictionaries(TEXT, st.integers() | TEXT))),
        draw(st.none() | st.builds(LeftOut, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), TEXT)),
    )


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Entry, Tree]:
    tree = Tree(0, draw(TEXT))
    for number in range(1, draw(st.integers(0, 8)) + 1):
        parent = draw(st.sampled_from([None, *(node.id for node in tree.nodes)]))
        tree = tree.adding(Node(number, parent, draw(messages()), draw(SECONDS), draw(st.booleans())))
        if not any(node.shown for node in tree.siblings(number)):
            tree = tree.showing(number)
    answers = [node.id for node in tree.nodes if node.message.role == "assistant"]
    tree = replace(tree, odds={answer: draw(ODDS) for answer in answers if draw(st.booleans())})
    entry = Entry(
        0, draw(TEXT), draw(st.sampled_from(["", "words", "model", "person"])), tree.system_prompt, draw(TEXT),
        draw(st.booleans()), draw(st.booleans()), draw(st.dictionaries(TEXT, st.integers() | TEXT | st.none())),
        draw(SECONDS), draw(SECONDS),
    )  # fmt: skip
    return entry, tree


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations())
def test_our_own_round_trip_loses_nothing(history: History, tmp_path: Path, conversation: tuple[Entry, Tree]) -> None:
    """Value, store, file, store, value: each time the same but for the ids."""
    entry, tree = renumbered(history, *conversation)
    history.add_tree(entry, tree)
    assert (history.entry(entry.id), history.whole_tree(entry.id)) == (entry, tree)
    assert history.tree(entry.id) == replace(tree, odds={})
    file = tmp_path / "export.json"
    file.write_text(as_json([(history.entry(entry.id), history.whole_tree(entry.id))]), "utf-8")
    *_, last = Importing(history, file)
    assert isinstance(last, Finished)
    again = history.whole_tree(last.value[0].id)
    assert _without_ids(history.entry(again.conversation_id), again) == _without_ids(entry, tree)


def _without_ids(entry: Entry, tree: Tree) -> list[object]:
    first = min((node.id for node in tree.nodes), default=0)
    nodes = [
        replace(node, id=node.id - first, parent_id=None if node.parent_id is None else node.parent_id - first)
        for node in tree.nodes
    ]
    return [replace(entry, id=0), tree.system_prompt, nodes, {key - first: tree.odds[key] for key in tree.odds}]


def test_a_file_without_odds_is_one_that_older_programs_read() -> None:
    tree = Tree(0, "", (Node(1, None, Message("user", "q")), Node(2, 1, RICH)))
    told = replace(tree, odds={2: (Odds("Yes", -0.1, (("Yes", -0.1),)),)})
    assert [json.loads(as_json([(Entry(0), each)]))["version"] for each in (tree, told)] == [1, 2]
    assert "odds" not in as_json([(Entry(0), tree)])


def test_chatgpts_export(history: History) -> None:
    ((entry, tree),) = read_file(CASES / "chatgpt.json")
    assert (entry.title, entry.created_s, entry.changed_s) == ("Capital cities", 1720000000.5, 1720000100.25)
    assert entry.system_prompt == "I teach geography.\n\nBe brief."
    question, answer = tree.branch
    assert question.message == Message("user", "What is the capital of Australia?")
    assert answer.message.content.endswith("does not hold]\n\nCanberra.")
    assert (answer.message.thinking, answer.message.origin) == ("It is not Sydney.", Origin("o3"))
    assert tree.siblings(answer.id)[0].message.content == "Sydney."
    assert len(tree.nodes) == 3


def test_open_webuis_export() -> None:
    ((entry, tree),) = read_file(CASES / "openwebui.json")
    assert (entry.title, entry.pinned, entry.system_prompt) == ("🌍 Capitals", True, "Be brief.")
    assert entry.options == {"tags": ["geography"]}
    answer = tree.branch[1].message
    assert (answer.content, answer.thinking, answer.thinking_s) == ("Canberra.", "Not Sydney.\nIt's inland.", 5.0)
    other = tree.siblings(tree.branch[1].id)[1].message
    assert (other.content, other.ending) == ("Perhaps Sy", "interrupted")


def test_chatgpts_export_of_2026() -> None:
    ((entry, tree),) = read_file(CASES / "chatgpt-2026.json")
    assert entry.pinned
    question, note, _, done = [node.message for node in tree.branch]
    assert question.content.endswith("not in the exported file: queues.pdf]")
    assert note.content == (
        "**Queues**\n\nQueues wait.\n\nQueues are reliable ([example.com](https://example.com/queues)). More"
    )
    assert done.content == "Queues wait long.\n\nDone.\n\nAnd checked."
    assert done.origin == Origin("gpt-5-thinking")


def test_open_webuis_export_of_2026() -> None:
    ((_, tree),) = read_file(CASES / "openwebui-2026.json")
    question, answer, _, last = [node.message for node in tree.branch]
    assert question.content == "How late is it?\n\n[attached, but not in the exported file: clock.txt]"
    assert answer.content == "It is noon.\n```python\nprint(12)\n```\nReally."
    assert (answer.thinking, answer.thinking_s) == ("A tool.", 2.0)
    assert last.content == "Yes."


def test_versions_of_an_answer_in_several_messages_stay_apart() -> None:
    """The same question was answered in one message and, by tools, in two; the second of these also twice."""
    said = [("q", None, "user"), ("a", "q", "assistant"), ("b", "q", "assistant")]
    said += [("c", "b", "assistant"), ("d", "b", "assistant"), ("e", "d", "assistant")]
    foreign = [ForeignNode(key, parent, Message(role, key)) for key, parent, role in said]  # type: ignore[arg-type]
    tree = tree_of(foreign, "e", "")
    assert [node.message.content for node in tree.nodes] == ["q", "a", "b", "c", "d\n\ne"]
    assert texts(tree) == ["q", "b", "d\n\ne"]


def test_importing_a_large_file_tells_how_far_it_is_and_can_be_given_up(history: History, tmp_path: Path) -> None:
    (good,) = json.loads((CASES / "chatgpt.json").read_text("utf-8"))
    file = tmp_path / "x.json"
    file.write_text(json.dumps([{**good, "title": f"Number {number}"} for number in range(300)], indent=1))
    job = Importing(history, file)
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        for event in job:
            assert isinstance(event, Progress)
            told.append(event)
            if event.step == "import" and event.done == 100:
                job.cancel()
    for step, whole in (("read", len(file.read_text("utf-8"))), ("import", 300)):
        steps = [event for event in told if event.step == step]
        assert [event.done for event in steps] == sorted(event.done for event in steps)
        assert steps[0].done < 0.1 * whole == 0.1 * steps[0].total  # type: ignore[operator]
    assert len(history.entries()) == 101
    *_, last = Importing(history, file)
    assert isinstance(last, Finished) and len(last.value) == 300
    early = Importing(history, file)
    early.cancel()
    with pytest.raises(Cancelled):
        next(iter(early))


@given(st.recursive(st.none() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_text_is_parsed_piece_by_piece_as_in_one(value: object) -> None:
    for whole in (value, {"conversations": value}, {"a": 1, "conversations": [value], "b": [2]}):
        text = json.dumps(whole, indent=1)
        pieces = Pieces(f" {text}\n")
        places = list(pieces)
        assert places == sorted(places)
        if isinstance(whole, dict) and isinstance(listed := whole.get("conversations"), list):
            rest = {key: whole[key] for key in whole if key != "conversations"}
            assert (pieces.records, pieces.head) == (listed, rest)
        else:
            assert pieces.records == (whole if isinstance(whole, list) else [whole])
        for broken in (text[:-1], f"{text}]", f"{text} 1"):
            if _is_broken(broken):
                with pytest.raises(ValueError):
                    list(Pieces(broken))


def _is_broken(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("name", ["chatgpt.json", "openwebui.json"])
def test_what_others_wrote_goes_into_the_store(history: History, name: str) -> None:
    *_, last = Importing(history, CASES / name)
    assert isinstance(last, Finished)
    tree = history.tree(last.value[0].id)
    assert texts(tree) == texts(read_file(CASES / name)[0][1])
    assert history.search("canberra")


def test_chatgpts_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.write(CASES / "chatgpt.json", "conversations.json")
        archive.writestr("user.json", "{}")
    assert len(read_file(tmp_path / "export.zip")) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '["x"]', "[" * 100_000, '{"format": 3}', "\xff"])
def test_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(DamagedFile):
        read_file(tmp_path / "x.json")


def test_no_file_and_a_newer_file(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_file(tmp_path / "x.json")
    (tmp_path / "x.json").write_text(json.dumps({"format": "halfbyte-conversations", "version": 99}))
    with pytest.raises(Refused, match="newer"):
        read_file(tmp_path / "x.json")


def test_one_unreadable_conversation_does_not_keep_the_others_out(history: History, tmp_path: Path) -> None:
    good = json.loads((CASES / "chatgpt.json").read_text("utf-8"))
    (tmp_path / "x.json").write_text(json.dumps([{"mapping": {"a": {"message": {"author": 5}}}}, *good]))
    events = list(Importing(history, tmp_path / "x.json"))
    assert any(isinstance(event, Notice) and "1 of 2" in event.text for event in events)
    assert [entry.title for entry in history.entries()] == ["Capital cities"]


def test_options_that_are_none_leave_the_conversation_out(tmp_path: Path) -> None:
    record = json.loads(as_json([(Entry(0), grown(line("q", "a")))]))
    record["conversations"][0]["options"] = ["temperature"]
    (tmp_path / "x.json").write_text(json.dumps(record))
    assert read_file(tmp_path / "x.json") == []


def test_a_tree_that_breaks_the_rules_is_left_out(tmp_path: Path) -> None:
    record = json.loads(as_json([(Entry(0), grown(line("q", "a")))]))
    record["conversations"][0]["messages"][0]["parent_id"] = 2  # a circle
    (tmp_path / "x.json").write_text(json.dumps(record))
    assert read_file(tmp_path / "x.json") == []


def test_markdown_is_what_was_said() -> None:
    tree = Tree(1).adding(Node(1, None, Message("user", "# Why?"))).adding(Node(2, 1, RICH))
    text = as_markdown(Entry(1, "A\ntitle", system_prompt="Be kind."), tree)
    assert text.startswith("# A title\n\n## System prompt\n\nBe kind.\n\n## You\n\n# Why?\n\n## Answer (p/r/m.gguf)")
    assert "2 earlier messages were left out" in text
    assert "> hm\n\nYes.\n" in text


def test_html_runs_and_loads_nothing() -> None:
    evil = '<script>alert(1)</script> <img src="http://x/y.png"> ![p](http://x/z.png) [l](javascript:alert(1)) `<b>`'
    nodes = [Node(1, None, Message("user", evil)), Node(2, 1, Message("assistant", evil, evil))]
    page = as_html(Entry(1, "<i>t</i>", system_prompt="<u>"), grown(nodes))
    assert not re.search(r"<(script|img|i|u|b)\b", page)
    assert 'href="javascript' not in page
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page


def page_of(answer: str, thinking: str = "") -> str:
    nodes = [
        Node(1, None, Message("user", "Why?")),
        Node(2, 1, Message("assistant", answer, thinking, thinking_s=2.25)),
    ]
    return as_html(Entry(1, "t"), grown(nodes))


def test_html_has_what_the_window_shows_of_an_answer() -> None:
    page = page_of(
        "A note[^1] and $x^2$.\n\n\\[ \\frac{1}{2} \\]\n\n- [x] done\n\n![remote](http://x/y.png)\n\n[^1]: The *note*.",
        "I **wonder**.",
    )
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="inline"><mrow><msup><mi>x</mi><mn>2</mn>' in page
    assert 'display="block"' in page and "<mfrac>" in page
    assert 'type="checkbox"' in page and "[x]" not in page
    assert "The <em>note</em>." in page and "[^1]" not in page
    assert '<a href="http://x/y.png">remote</a>' in page
    assert "<summary>Thought for 2.2 s</summary><p>I <strong>wonder</strong>.</p>" in page
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "latex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{<meta http-equiv=refresh content=0>}",
        r"\text{</mtext><img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
        r"\style{background:url(http://x/y)}{x}",
        r"\class{x}{y}",
        r"\text{<mi href='http://x'>x</mi>}",
        r"\frac{",
        "a & b",
    ],
)
def test_a_formula_that_is_none_or_more_is_shown_as_its_source(latex: str) -> None:
    page = page_of(f"${latex}$")
    assert "<math" not in page
    assert f"<code>${escape(latex)}$</code>" in page


@given(st.text(st.sampled_from(list("\\${}[]()<>&\"'=_^ abhrefonstyleml/:")), max_size=40))
def test_no_answer_brings_more_than_text_into_the_page(text: str) -> None:
    """What an HTML parser finds are elements and attributes that the page is made of, whatever the formula says."""
    found: set[tuple[str, str]] = set()

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.update((tag, name) for name, _ in [*attrs, ("", "")])

    for wrapped in (text, f"${text}$", f"$$\n{text}\n$$", f"$\\text{{{text}}}$"):
        Parser().feed(page_of(wrapped, wrapped))
    bad = {"script", "img", "iframe", "object", "embed", "link", "form", "base", "svg", "video", "audio"}
    assert not bad & {tag for tag, _ in found}
    assert {name for tag, name in found if tag == "meta"} <= {"", "charset", "http-equiv", "content", "name"}
    assert not [name for _, name in found if name.startswith("on") or name in ("style", "src", "srcset")]
