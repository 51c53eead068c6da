"""What is known of an answer, and how likely its tokens were."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtWidgets import QApplication, QToolTip

from desktop.flows.about import AboutFlow
from desktop.models.answer_facts import answer_facts
from desktop.widgets.chat.answer_dialog import AnswerDialog
from desktop.widgets.chat.tokens_view import TokensView
from engine.chat.conversation import Message
from engine.chat.steering import Choice
from engine.events import Odds
from tests.desktop.chat.test_kept import kept
from tests.helpers.chats import RICH

__all__ = ["kept"]

ODDS = [
    Odds("Par", -0.1, (("Par", -0.1), ("Lon", -2.5))),
    Odds("is 🍎", -0.9, (("is 🍎", -0.9),)),
    Odds("\n", -3.0, (("!", -0.2), ("\n", -3.0))),
]


def test_the_details_tell_seed_stop_strings_and_settings():
    facts = dict(answer_facts(RICH))
    assert facts["Seed"] == "7"
    assert facts["Stop strings"] == "x"
    assert facts["Temperature"] == "0.7"
    assert facts["Model"] == "p/r/m.gguf"
    assert answer_facts(Message("assistant", "Hm.")) == ()


@pytest.fixture
def view(qtbot, theme):
    view = TokensView(ODDS)
    qtbot.addWidget(view)
    view.show()
    return view


def test_the_arrow_keys_go_token_by_token_whatever_their_letters(view, qtbot):
    assert view.text.toPlainText() == "Paris 🍎\n"
    assert [view.others.item(row).text() for row in range(2)] == ["90.5%  “Par”", "8.2%  “Lon”"]
    for number, words in ((2, "40.7%  “is 🍎”"), (3, "5.0%  “⏎”"), (3, "5.0%  “⏎”")):
        qtbot.keyClick(view.text, Qt.Key.Key_Right)
        assert view.chosen.text() == f"Token {number} of 3: {words}"
    qtbot.keyClick(view.text, Qt.Key.Key_Left)
    assert view.text.token == 1
    assert view.text.accessibleDescription().startswith("Token 2 of 3")


def test_each_token_lies_on_the_colour_of_its_share(view):
    colours = set()
    for number in range(3):
        cursor = view.text.textCursor()
        cursor.setPosition(view.text._ends[number])
        colours.add(cursor.charFormat().background().color().name())
    assert len(colours) == 3


def test_the_mouse_over_a_token_tells_its_alternatives(view, monkeypatch):
    shown = []
    monkeypatch.setattr(QToolTip, "showText", lambda place, words, widget: shown.append(words))
    place = view.text.viewport().rect().topLeft() + QPoint(8, 8)
    QApplication.sendEvent(view.text.viewport(), QHelpEvent(QEvent.Type.ToolTip, place, view.text.mapToGlobal(place)))
    assert shown == ["90.5%  “Par”<br>8.2%  “Lon”"]


@pytest.fixture
def flow(page):
    return AboutFlow(page.room._jobs, page)


def test_the_page_keeps_the_odds_that_were_asked_for(talk, flow):
    told = [[[one.text, one.logprob, one.top]] for one in ODDS]
    talk.load(chunks=[one.text for one in ODDS], odds=told)
    talk.ask("plain")
    assert talk.page.room.odds(talk.page.room.tree.leaf.id) == ()
    talk.page.room.steer(Choice({"logprobs": 2}))
    talk.ask("with odds")
    talk.click(talk.page.answer.about)
    dialog = talk.page.findChild(AnswerDialog)
    assert dialog.tokens.text.toPlainText() == "Paris 🍎\n"
    dialog.accept()


def test_odds_are_there_after_a_restart_those_of_a_continuation_too(kept):
    def tokens():
        AboutFlow(kept.jobs, kept.page, kept.flow.store).open(kept.page.room.tree.leaf.id)
        kept.until(lambda: kept.page.findChild(AnswerDialog) is not None)
        dialog = kept.page.findChild(AnswerDialog)
        text = dialog.tokens.text.toPlainText()
        dialog.close()
        return text

    told = [[[one.text, one.logprob, one.top]] for one in ODDS]
    begun = {"chunks": ["Par"], "odds": told[:1], "finish_reason": "length"}
    kept.load(turns=[begun, {"chunks": ["is 🍎", "\n"], "odds": told[1:]}])
    kept.page.room.steer(Choice({"logprobs": 2}))
    kept.ask("Where?")
    kept.click(kept.page.answer.more)
    kept.until_ended()
    assert tokens() == "Paris 🍎\n"
    kept.page.panel.rename_wanted.emit(kept.page.room.entry.id, "Places")
    kept.restart()
    kept.open("Places")
    assert kept.page.room.odds(kept.page.room.tree.leaf.id) == ()
    assert tokens() == "Paris 🍎\n"


def test_an_answer_without_odds_says_how_to_get_them(talk, flow):
    talk.load(chunks=["Yes"])
    talk.ask("plain")
    talk.click(talk.page.answer.about)
    dialog = talk.page.findChild(AnswerDialog)
    assert dialog.tokens is None
    assert dialog.focusWidget() is dialog.shut
    dialog.accept()
