"""Conversations for tests of the store."""

from __future__ import annotations

from collections.abc import Iterable

from engine.chat.conversation import LeftOut, Message, Origin
from engine.chat.history.rows import Entry
from engine.chat.history.store import History
from engine.chat.history.tree import Node, Tree
from engine.runtime.results import Usage

USAGE = Usage(10, 4, 3, 0.25, 100.0, 20.5, 1_000, "stop", 7)
ORIGIN = Origin("p/r/m.gguf", "abc", "gguf-q4_k_m", "llama.cpp", {"temperature": 0.7, "stop": ["x"]}, {"threads": 2})
RICH = Message("assistant", "Yes.", "hm", "stop", USAGE, 1.5, ORIGIN, LeftOut(0, 2, 100, "They met."))


def line(*texts: str, first_id: int = 1, parent_id: int | None = None) -> list[Node]:
    """Return questions and answers in turn, each after the one before."""
    nodes = []
    for number, text in enumerate(texts):
        message = Message("assistant", text, ending="stop") if number % 2 else Message("user", text)
        nodes.append(Node(first_id + number, parent_id, message, created_s=1000.0 + number))
        parent_id = first_id + number
    return nodes


def say(history: History, *texts: str, **options: str) -> Entry:
    """Put a conversation with questions and answers in turn into a store."""
    entry, _ = history.new(**options)
    parent_id = None
    for node in line(*texts):
        node = Node(history.new_id(), parent_id, node.message, node.created_s)
        history.add(entry.id, node)
        parent_id = node.id
    return entry


def grown(nodes: Iterable[Node]) -> Tree:
    tree = Tree(1)
    for node in nodes:
        tree = tree.adding(node)
    return tree


def texts(tree: Tree) -> list[str]:
    """Return what the shown branch says."""
    return [node.message.content for node in tree.branch]
