"""The app's own window, chatting by itself, for killing: ``python -m tests.helpers.chatting_window SCRIPT``.

It opens the conversation that the window before it left, tells on standard output how that one's answer ended, begins a
new one and asks, goes on, answers again, edits and stops in turn, without end. What it shows it writes as
:mod:`tests.helpers.chatting_app` does, a JSON line each, and besides ``{"reopened": id, "footer": words}`` and
``{"kept": whether what is said is kept}``. HALFBYTE_HOME is the app's folder.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

import desktop.app
from engine.chat.history.tree import Node
from engine.events import Token

_BETWEEN_MS = 30
_LOOK_MS = 20


class ChattingApp(desktop.app.App):
    """The app as it is started, and somebody who uses it."""

    def start(self) -> None:
        super().start()
        self.person = Chatting(self, Path(sys.argv[1]))


class Chatting(QObject):
    """Do one thing after another as soon as the window can."""

    def __init__(self, app: ChattingApp, model: Path) -> None:
        super().__init__(app)
        self._app, self._page, self._place = app, app.chat, random.Random(os.getpid())
        self._shown_questions: set[int] = set()
        self._deeds = self._in_turn()
        self._page.room.tokens.connect(self._on_tokens)  # after the page's own slot: they are shown by now
        self._page.room.answered.connect(self._on_ended)
        self._page.room.failed.connect(self._on_ended)
        app.open_chat(model)
        self._await(self._is_open, self._reopen)

    def _is_open(self) -> bool:
        return self._page.room.state == "ready" and self._app.chat_flow.store.history is not None

    def _reopen(self) -> None:
        """Open what the window before left, as a click on its line does."""
        _show({"kept": self._page.room.keeps})
        entries = self._app.chat_flow.store.entries
        if not entries:
            self._next()
            return
        self._page.panel.opened.emit(entries[0])
        entry_id = entries[0].id
        self._await(lambda: self._page.room.entry is not None and self._page.room.entry.id == entry_id, self._tell)

    def _tell(self) -> None:
        entry, answer = self._page.room.entry, self._page.answer
        assert entry is not None
        _show({"reopened": entry.id, "footer": answer.words.text() if answer else ""})
        self._page.begin_anew()
        self._next()

    @Slot()
    def _on_ended(self) -> None:
        QTimer.singleShot(_BETWEEN_MS, self._next)

    @Slot()
    def _next(self) -> None:
        self._await(lambda: self._page.room.state == "ready", lambda: next(self._deeds)())

    def _in_turn(self) -> Iterator[Callable[[], None]]:
        for number in itertools.count():
            yield lambda number=number: self._page.ask(f"Question {number}")
            yield lambda: self._page.transcript.again_wanted.emit(self._first("assistant").id)
            yield lambda number=number: self._stopped(f"To be stopped {number}")
            yield self._go_on
            yield lambda number=number: self._page.transcript.edited.emit(self._first("user").id, f"Edited {number}")

    def _stopped(self, question: str) -> None:
        self._page.ask(question)
        QTimer.singleShot(self._place.randrange(50, 400), self._page.room.stop)

    def _go_on(self) -> None:
        leaf = self._page.room.tree.leaf
        if leaf and leaf.message.content and not leaf.message.complete:
            self._page.transcript.more_wanted.emit(leaf.id)
        else:
            self._page.ask("And then?")

    def _first(self, role: str) -> Node:
        return next(node for node in self._page.room.tree.branch if node.message.role == role)

    @Slot(list)
    def _on_tokens(self, tokens: list[Token]) -> None:
        self._shown()
        tree = self._page.room.tree
        for token in tokens:
            piece = {"thinking": token.text} if token.part == "thinking" else {"content": token.text}
            _show({"conversation": tree.conversation_id, "answer": tree.branch[-1].id, **piece})
        session = self._page.room._session
        if session and session.worker_pid:
            _show({"worker": session.worker_pid})

    def _shown(self) -> None:
        """Tell the questions that are new in the transcript."""
        tree = self._page.room.tree
        for node in tree.branch:
            if node.message.role == "user" and node.id not in self._shown_questions:
                self._shown_questions.add(node.id)
                _show({"conversation": tree.conversation_id, "question": node.id, "text": node.message.content})

    def _await(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        if condition():
            then()
        else:
            QTimer.singleShot(_LOOK_MS, self, lambda: self._await(condition, then))


def _show(record: dict[str, Any]) -> None:
    os.write(1, (json.dumps({**record, "at_s": time.monotonic()}) + "\n").encode())


if __name__ == "__main__":
    desktop.app.App = ChattingApp
    sys.exit(desktop.app.run())
