"""Two models side by side on one question, in the window: blind, in turn, with a vote, and kept."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from desktop.flows.chat import ChatFlow
from desktop.flows.duel import DuelFlow
from desktop.jobs import Jobs
from desktop.pages.chat import ChatPage
from desktop.widgets.duel.duel_dialog import DuelDialog
from engine.chat.history.store import History
from engine.settings import DEFAULTS
from tests.helpers.hands import press
from tests.helpers.scripts import recorded, script


class Duellists:
    """A person at the dialog, with two scripted models in the library."""

    def __init__(self, qtbot, folder, **values):
        self.qtbot = qtbot
        self.one = script(folder, "one", chunks=["Yes", "."], **values)
        self.two = script(folder, "two", chunks=["No", "."], **values)
        self.jobs = Jobs()
        self.page = ChatPage(self.jobs, DEFAULTS.changed(models_folder=str(folder)))
        qtbot.addWidget(self.page)
        self.page.show_library([self.one, self.two])
        self.page.resize(1100, 800)
        self.chat = ChatFlow(self.jobs, self.page)
        self.flow = DuelFlow(self.jobs, self.page, self.chat)
        self.page.show()
        self.chat.start()
        self.until(lambda: not self.page.room.awaits_store)
        press(self.page.two)

    @property
    def dialog(self) -> DuelDialog:
        assert self.flow.dialog is not None
        return self.flow.dialog

    @property
    def duel(self):
        assert self.flow.duel is not None
        return self.flow.duel

    @property
    def said(self):
        return [side.view.toPlainText() for side in self.dialog.sides]

    @property
    def headings(self):
        return [side.heading.text() for side in self.dialog.sides]

    def until(self, condition):
        self.qtbot.waitUntil(condition, timeout=15000)

    def ask(self, question="Well?", *, blind=False, ended=True):
        self.dialog.blind.setChecked(blind)
        self.dialog.field.setPlainText(question)
        self.qtbot.keyClick(self.dialog.field, Qt.Key.Key_Return)
        if ended:
            self.until(lambda: len(self.duel.answers) == 2)
            self.until(lambda: not any(side.view.is_behind for side in self.dialog.sides))

    def end(self):
        if self.flow.dialog:
            self.dialog.accept()
        assert self.jobs.close(), "something still runs"
        self.page.close_room()
        self.flow.close()
        self.chat.close()
        self.page.hide()


@pytest.fixture
def person(qtbot, theme, tmp_path):
    person = Duellists(qtbot, tmp_path)
    yield person
    person.end()


def in_turn(monkeypatch):
    monkeypatch.setattr("engine.chat.duel.fit_together", lambda *_: False)


def test_both_answers_stand_side_by_side_and_the_vote_is_kept(person, qtbot):
    person.ask()
    assert person.said == ["Yes.", "No."]
    assert person.headings == ["A · one.script.json", "B · two.script.json"]
    with qtbot.waitSignal(person.flow.voted):
        press(person.dialog.votes["second"])
    assert person.dialog.sides[1].tally.text() == "Your votes: 1 better, 0 worse, 0 as good"
    assert not person.dialog.ballot.isVisible()
    with History(writing=False) as history:
        (vote,) = history.votes()
    assert (vote.verdict, vote.blind, vote.second.name) == ("second", False, person.two.path.name)


def test_blind_hides_the_names_until_the_vote(person, qtbot):
    person.ask(blind=True)
    assert sorted(person.said) == ["No.", "Yes."]
    assert person.headings == ["Answer A", "Answer B"]
    with qtbot.waitSignal(person.flow.voted):
        press(person.dialog.votes["tie"])
    names = {"Yes.": "one.script.json", "No.": "two.script.json"}
    assert person.headings == [f"{letter} · {names[said]}" for letter, said in zip("AB", person.said, strict=True)]


def test_what_does_not_fit_together_answers_one_after_the_other(person, monkeypatch):
    in_turn(monkeypatch)
    person.ask("First?")
    assert person.said == ["Yes.", "No."]
    assert "one after the other" not in person.dialog.note.text()
    assert person.duel._sessions == {}
    person.ask("Second?")
    assert [len(recorded(model)) for model in (person.one, person.two)] == [2, 2]


def test_both_answers_are_versions_of_one_conversation(person):
    person.ask()
    press(person.dialog.turn)
    room = person.page.room
    person.until(lambda: room.entry is not None)
    question = room.tree.branch[0]
    assert [node.message.content for node in room.tree.children(question.id)] == ["Yes.", "No."]
    assert person.page.panel.rows.rowCount() == 2  # its head, and it
    assert person.flow.dialog is None


def test_a_model_that_fails_leaves_nothing_to_vote_on(qtbot, theme, tmp_path):
    person = Duellists(qtbot, tmp_path)
    person.two.path.write_text("{", "utf-8")
    person.ask()
    assert not person.dialog.ballot.isVisible()
    assert "no two answers" in person.dialog.note.text()
    person.end()


def test_escape_stops_both_and_then_leaves(qtbot, theme, tmp_path, monkeypatch):
    in_turn(monkeypatch)
    person = Duellists(qtbot, tmp_path, fail="stall")
    person.ask(ended=False)
    person.until(lambda: bool(recorded(person.one)))
    qtbot.keyClick(person.dialog, Qt.Key.Key_Escape)
    person.until(lambda: len(person.duel.answers) == 2)
    assert recorded(person.two) == []
    qtbot.keyClick(person.dialog, Qt.Key.Key_Escape)
    assert person.flow.dialog is None
    person.end()


def test_one_model_alone_says_what_is_missing(qtbot, theme, tmp_path):
    person = Duellists(qtbot, tmp_path)
    person.dialog.accept()
    person.page.show_library([person.one])
    press(person.page.two)
    person.dialog.field.setPlainText("Well?")
    assert not person.dialog.deed.isEnabled()
    assert "needs two models" in person.dialog.note.text()
    person.end()
