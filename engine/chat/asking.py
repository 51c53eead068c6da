"""Ask, edit, answer again, go on: what a person does in a conversation, as a new tree and a turn to run.

The tree is what the page shows from now on, the running answer in it; the turn is a job, and the store follows it.
When the turn ends, however it does, ``asked.ended()`` is the tree with what came of it.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, Protocol

from engine.chat.context import WhenFull
from engine.chat.conversation import Message
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Node, Tree
from engine.chat.turn import Journal, Turn, origin_of
from engine.errors import Refused
from engine.runtime.options import Sampling
from engine.runtime.session import Session


class Keeper(Protocol):
    """Where a conversation is kept: :class:`engine.chat.history.store.History` as far as asking needs it."""

    def new(self, system_prompt: str = "", folder: str = "", **options: Any) -> tuple[Entry, Future[None]]: ...

    def new_id(self) -> int: ...

    def add(self, conversation_id: int, node: Node) -> Future[None]: ...

    def show(self, tree: Tree) -> Future[None]: ...

    def record(self, conversation_id: int, node: Node) -> Journal: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A running answer: the tree that it is a part of, its id, and the job that writes it."""

    tree: Tree
    answer_id: int
    turn: Turn

    def ended(self) -> Tree:
        """Return the tree with what has come of the answer."""
        return self.tree.replacing(self.answer_id, self.turn.answer)


@dataclass(frozen=True, slots=True)
class Asker:
    """A person's side of a conversation: where it is kept, who answers, and what is left out of a full context."""

    history: Keeper
    session: Session
    sampling: Sampling
    when_full: WhenFull = "stop"

    def ask(self, tree: Tree, question: str) -> Asked:
        """Ask at the end of the shown branch."""
        return self._ask_after(tree, tree.leaf.id if tree.leaf else None, question)

    def edit(self, tree: Tree, question_id: int, question: str) -> Asked:
        """Ask another question in the place of one; the old one stays as a branch."""
        return self._ask_after(tree, tree[question_id].parent_id, question)

    def answer_again(self, tree: Tree, answer_id: int) -> Asked:
        """Answer a question once more; the old answer stays as a branch."""
        return self._answer(tree, tree[answer_id].parent_id)

    def answer(self, tree: Tree) -> Asked:
        """Answer the shown branch as it stands: a question that has no answer yet."""
        return self._answer(tree, tree.leaf.id if tree.leaf else None)

    def go_on(self, tree: Tree, answer_id: int) -> Asked:
        """Write on where an answer breaks off; it stays the same message. Raises :class:`Refused` for a question."""
        node = tree[answer_id]
        if node.message.role != "assistant":
            raise Refused("Only an answer can be continued.", "Ask for an answer first.")
        tree = tree.showing(answer_id)
        self.history.show(tree)
        return self._run(tree, node)

    def _ask_after(self, tree: Tree, parent_id: int | None, question: str) -> Asked:
        node = Node(self.history.new_id(), parent_id, Message("user", question), time.time())
        self.history.add(tree.conversation_id, node)
        return self._answer(tree.adding(node), node.id)

    def _answer(self, tree: Tree, parent_id: int | None) -> Asked:
        begun = Message("assistant", "", origin=origin_of(self.session, self.sampling))
        node = Node(self.history.new_id(), parent_id, begun, time.time())
        return self._run(tree.adding(node), node)

    def _run(self, tree: Tree, node: Node) -> Asked:
        begun = node.message
        so_far = tree.until(node.id if begun.content or begun.thinking else node.parent_id)
        turn = Turn(
            self.session,
            so_far,
            sampling=self.sampling,
            journal=self.history.record(tree.conversation_id, node),
            when_full=self.when_full,
            kept_as=cache_key(tree.conversation_id),
        )
        shown = replace(begun, ending="", usage=None)
        return Asked(tree.replacing(node.id, shown), node.id, turn)


def cache_key(conversation_id: int) -> str:
    """Return the key under which a conversation's KV cache is kept: ``session.keep(cache_key(id))`` when it rests."""
    return f"conversation-{conversation_id}"
