"""Conversations outlive the window: listed, opened, renamed, searched, deleted and brought back."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from desktop.flows.chat import ChatFlow
from desktop.jobs import Jobs
from desktop.models.conversation_rows import title_of
from desktop.models.exporting import ending_of
from desktop.pages.chat import ChatPage
from engine.chat.asking import cache_key
from engine.chat.history.rows import Entry
from engine.chat.history.store import History
from engine.chat.steering import Choice
from engine.runtime import kept_prompts
from engine.runtime.session import Session
from engine.settings import DEFAULTS
from tests.desktop.chat.conftest import Talk
from tests.helpers.chats import say, texts
from tests.helpers.hands import words_on


class Kept(Talk):
    """A person at a page with a store; :meth:`restart` closes the app and opens it again."""

    def __init__(self, qtbot, folder):
        super().__init__(None, qtbot, folder)
        self.begin()

    def begin(self):
        self.jobs = Jobs()
        self.page = ChatPage(self.jobs, DEFAULTS)
        self._qtbot.addWidget(self.page)
        self.flow = ChatFlow(self.jobs, self.page)
        self.page.resize(1000, 700)
        self.page.show()
        self.flow.start()
        self.until(lambda: not self.page.room.awaits_store)

    def end(self):
        assert self.jobs.close(), "something still runs"
        self.page.close_room()
        self.flow.close()
        self.page.hide()

    def restart(self):
        self.end()
        self.begin()

    @property
    def titles(self):
        return [title_of(row) for row in self.page.panel.rows.rows if isinstance(row, Entry)]

    def open(self, title):
        view = self.page.panel.view
        row = next(row for row in self.page.panel.rows.rows if isinstance(row, Entry) and title_of(row) == title)
        at = view.visualRect(self.page.panel.rows.index_of(row.id)).center()
        self._qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
        self.until(lambda: self.page.room.entry is not None and self.page.room.entry.id == row.id)

    def said(self):
        return [message.content for message in self.page.room.conversation.messages]


@pytest.fixture
def kept(qtbot, theme, tmp_path):
    kept = Kept(qtbot, tmp_path)
    yield kept
    kept.end()


@pytest.fixture
def stored(home):
    """Put two conversations into the store before the app starts."""
    with History() as history:
        say(history, "What is a nibble?", "Half a byte.")
        history.rename(history.entries()[0].id, "Nibbles", "person").result()
        other = say(history, "What is a byte?", "Eight bits, as everybody knows.", "And a word?", "Two bytes.")
        history.rename(other.id, "Bytes", "person").result()


def test_what_was_said_is_there_after_a_restart(kept):
    kept.load(turns=[{"chunks": ["one"]}, {"chunks": ["A fine title"]}, {"chunks": ["two"]}])
    kept.ask("first question")
    kept.until(lambda: kept.titles == ["A fine title"])
    kept.ask("second")
    kept.restart()
    kept.until(lambda: kept.titles == ["A fine title"])
    kept.open("A fine title")
    assert kept.said() == ["first question", "one", "second", "two"]
    assert len(kept.page.transcript) == 4
    kept.load("next", turns=[{"chunks": ["three"]}])
    kept.ask("third")
    assert kept.said()[-2:] == ["third", "three"]


def test_how_long_was_thought_is_known_after_a_restart_and_goes_on(kept):
    thinks = [{"thinking": "I "}, {"thinking": "wonder."}]
    told = [{"chunks": [*thinks, "Begun. ", "never"], "tokens_per_s": 2, "fail": "stall", "after": 3}]
    kept.load(turns=[*told, {"chunks": ["Ended."]}])
    kept.ask("first", ended=False)
    kept.until(lambda: "Begun" in kept.answer)
    kept.restart()
    kept.open("first")
    words = kept.page.answer.thinking.button.text()
    assert 0.4 < float(words.removeprefix("Thought for ").removesuffix(" s")) < 5, (
        words
    )  # half a second, and what waits
    kept.load("next", chunks=["Ended."])
    kept.click(kept.page.answer.more)
    kept.until_ended()
    assert kept.answer == "Begun. Ended."
    assert kept.page.answer.thinking.button.text() == words
    kept.click(kept.page.answer.thinking.button)
    kept.until(lambda: kept.page.answer.thinking.view.toPlainText() == "I wonder.")


def test_a_block_of_code_is_saved(kept, tmp_path):
    file = tmp_path / f"code{ending_of('Python')}"
    kept.flow.save_code(file, "x = 1\n\n")
    kept.until(lambda: kept.page.keeping.isVisible())
    assert (file.name, file.read_text("utf-8")) == ("code.py", "x = 1\n")
    assert str(file) in words_on(kept.page.keeping)
    kept.flow.save_code(tmp_path / "no" / "code.py", "x")
    kept.until(lambda: kept.page.banner.isVisible())
    assert "cannot be written" in words_on(kept.page.banner)


@pytest.mark.parametrize(
    ("language", "ending"),
    [("python", ".py"), ("C++", ".cpp"), ("js", ".js"), ("bash", ".sh"), ("", ".txt"), ("x", ".txt")],
)
def test_code_is_saved_with_the_usual_ending(language, ending):
    assert ending_of(language) == ending


def test_a_conversation_is_named_after_its_first_words_at_once(kept):
    kept.load(turns=[{"chunks": ["x", "never"], "fail": "stall", "after": 1}])
    kept.ask("How long is a piece of string?", ended=False)
    kept.until(lambda: kept.titles == ["How long is a piece of string?"])


def test_closing_in_mid_answer_loses_nothing(kept):
    kept.load(turns=[{"chunks": ["Begun. ", "never"], "fail": "stall", "after": 1}])
    kept.ask("first", ended=False)
    kept.until(lambda: "Begun" in kept.answer)
    kept.restart()
    kept.open("first")
    assert kept.said() == ["first", "Begun. "]
    assert kept.page.transcript.views[-1].words.text() == "Stopped by you"


def test_leaving_an_answer_keeps_what_came_of_it(stored, kept):
    kept.load(turns=[{"chunks": ["Begun. ", "never"], "fail": "stall", "after": 1}])
    kept.ask("first", ended=False)
    kept.until(lambda: "Begun" in kept.answer)
    kept.open("Bytes")
    assert kept.said()[0] == "What is a byte?"
    kept.open("first")
    assert kept.said() == ["first", "Begun. "]
    assert kept.page.room.conversation.messages[-1].ending == "cancelled"


def test_a_conversation_is_renamed_in_the_list(stored, kept, qtbot):
    kept.open("Nibbles")
    view = kept.page.panel.view
    qtbot.keyClick(view, Qt.Key.Key_F2)
    field = view.findChild(QLineEdit)
    field.selectAll()
    qtbot.keyClicks(field, "Half bytes")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    kept.until(lambda: kept.titles == ["Bytes", "Half bytes"])
    kept.restart()
    kept.until(lambda: kept.titles == ["Bytes", "Half bytes"])


def test_a_deleted_conversation_can_be_brought_back(stored, kept):
    kept.open("Bytes")
    kept._qtbot.keyClick(kept.page.panel.view, Qt.Key.Key_Delete)
    assert kept.titles == ["Nibbles"]
    assert len(kept.page.transcript) == 0
    assert kept.page.strip.words.text() == "“Bytes” was deleted."
    kept.click(kept.page.strip.undo)
    kept.until(lambda: len(kept.page.transcript) == 4)
    assert kept.titles == ["Bytes", "Nibbles"]
    kept.page.panel.delete_wanted.emit(kept.page.room.entry.id)
    kept.restart()
    assert kept.titles == ["Nibbles"]


def test_pinned_ones_stand_first_and_archived_ones_apart(stored, kept):
    nibbles, _bytes = (row.id for row in reversed([r for r in kept.page.panel.rows.rows if isinstance(r, Entry)]))
    menu = kept.page.panel.menu_of(kept.flow.store.entry(nibbles))
    next(action for action in menu.actions() if action.text() == "Pin").trigger()
    assert kept.titles == ["Nibbles", "Bytes"]
    kept.page.panel.archive_wanted.emit(_bytes, True)
    assert kept.titles == ["Nibbles"]
    kept.page.panel.menu().actions()[0].trigger()
    assert kept.titles == ["Bytes"]


def test_a_search_leads_to_the_message(stored, kept, qtbot):
    kept.press(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    panel = kept.page.panel
    assert panel.field.hasFocus()
    qtbot.keyClicks(panel.field, "everybody")
    kept.until(lambda: panel.rows.rowCount() == 1 and not kept.titles)
    qtbot.keyClick(panel.field, Qt.Key.Key_Down)
    qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    kept.until(lambda: len(kept.page.transcript) == 4)
    answer = kept.page.transcript.view(1).view
    assert answer.whole_text == "Eight bits, as everybody knows."
    assert [mark.cursor.selectedText() for mark in answer.extraSelections()] == ["everybody"]
    qtbot.keyClick(panel.field, Qt.Key.Key_Escape)
    assert kept.titles == ["Bytes", "Nibbles"]


def test_a_second_window_says_that_nothing_is_kept_and_works(stored, qtbot, theme, tmp_path):
    with History():
        kept = Kept(qtbot, tmp_path)
        assert "is not kept" in kept.page.keeping.words.text()
        kept.until(lambda: kept.titles == ["Bytes", "Nibbles"])
        kept.open("Bytes")
        kept.load(chunks=["Sure."])
        kept.ask("Really?")
        assert kept.said()[-2:] == ["Really?", "Sure."]
        kept.page.panel.delete_wanted.emit(kept.page.room.entry.id)
        assert kept.titles == ["Bytes", "Nibbles"]
        kept.end()
    with History(writing=False) as history:
        assert len(texts(history.tree(history.entries()[0].id))) == 4


def test_a_fault_of_the_store_is_told(kept, monkeypatch):
    kept.load(chunks=["x"])
    kept.flow.store._faults.tell(OSError("the disk is gone"))
    kept.until(lambda: kept.page.banner.isVisible())


@pytest.mark.parametrize(("form", "word"), [("markdown", "# Bytes"), ("html", "<h1>"), ("json", '"conversations"')])
def test_a_conversation_is_exported(stored, kept, tmp_path, form, word):
    file = tmp_path / "out"
    entry = kept.flow.store.entries[0]
    kept.flow.export(file, form, entry.id)
    kept.until(lambda: kept.page.keeping.words.text() == f"Exported to {file}.")
    assert word in file.read_text("utf-8")
    assert "Eight bits, as everybody knows." in file.read_text("utf-8")
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_file_that_cannot_be_written_is_told(stored, kept, tmp_path):
    kept.flow.export(tmp_path / "gone" / "out", "json")
    kept.until(lambda: kept.page.banner.isVisible())
    assert "cannot be written" in kept.page.banner.fault.sentence


def test_what_was_exported_can_be_imported(stored, kept, tmp_path):
    file = tmp_path / "all.json"
    kept.flow.export(file, "json")
    kept.until(file.exists)
    kept.flow.take_in(file)
    kept.until(lambda: kept.page.keeping.words.text() == "2 conversations were imported.")
    assert sorted(kept.titles) == ["Bytes", "Bytes", "Nibbles", "Nibbles"]
    kept.restart()
    assert len(kept.titles) == 4


def test_the_cache_is_written_when_a_conversation_is_left_and_goes_with_it(kept, monkeypatch):
    asked = []
    keep = Session.keep
    monkeypatch.setattr(Session, "keep", lambda self, key: asked.append(key) or keep(self, key))
    kept.load(turns=[{"chunks": ["one"]}, {"chunks": ["A title"]}])
    kept.ask("first")
    kept.until(lambda: kept.titles == ["A title"])
    key = cache_key(kept.page.room.entry.id)
    file = kept_prompts.file_for(key)
    kept.click(kept.page.new)
    assert asked == [key]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"cache")
    kept.page.panel.delete_wanted.emit(kept.flow.store.entries[0].id)
    kept.until(lambda: not file.exists())


def test_a_narrow_page_shows_the_list_when_asked(stored, kept, qtbot):
    kept.page.resize(600, 700)
    kept.until(lambda: not kept.page.panel.isVisible())
    kept.click(kept.page.toggle)
    assert kept.page.panel.isVisible()
    kept.click(kept.page.panel.shut)
    assert not kept.page.panel.isVisible()
    kept.click(kept.page.toggle)
    kept.open("Bytes")
    kept.until(lambda: not kept.page.panel.isVisible())
    assert kept.page.composer.field.hasFocus()
    kept.page.resize(1000, 700)
    kept.until(lambda: kept.page.panel.isVisible())


def test_settings_and_system_prompt_are_kept_with_the_conversation(stored, kept):
    kept.open("Nibbles")
    kept.page.room.steer(Choice({"temperature": 0.25}, "keep_ends"))
    kept.page.instruct("Be brief.")
    kept.restart()
    kept.open("Nibbles")
    assert kept.page.room.choice == Choice({"temperature": 0.25}, "keep_ends")
    assert kept.page.instructed.accessibleName() == "System prompt: Be brief."
    kept.open("Bytes")
    assert kept.page.room.choice == Choice()
