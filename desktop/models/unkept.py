"""Conversations that are not kept: in a second window of Halfbyte, or where the store cannot be opened."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import Future
from typing import Any

from engine.chat.conversation import Message
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Node, Tree

_FIRST_ID = 1 << 40  # above the ids of any store: a conversation that was read there can be gone on with


class Unkept:
    """Stand in for the store while asking (:class:`engine.chat.asking.Keeper`); gives ids and forgets the rest."""

    def __init__(self) -> None:
        self._ids = itertools.count(_FIRST_ID)

    def new(self, system_prompt: str = "", folder: str = "", **options: Any) -> tuple[Entry, Future[None]]:
        now = time.time()
        entry = Entry(self.new_id(), "", "", system_prompt, folder, options=options, created_s=now, changed_s=now)
        return entry, _done()

    def new_id(self) -> int:
        return next(self._ids)

    def add(self, conversation_id: int, node: Node) -> Future[None]:
        return _done()

    def show(self, tree: Tree) -> Future[None]:
        return _done()

    def record(self, conversation_id: int, node: Node) -> _NoJournal:
        return _NoJournal()


class _NoJournal:
    def add(self, text: str, part: Any = "answer", thinking_s: float | None = None) -> None:
        pass

    def finish(self, message: Message, odds: Any = ()) -> None:
        pass


def _done() -> Future[None]:
    done: Future[None] = Future()
    done.set_result(None)
    return done
