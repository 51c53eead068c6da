"""A foreign program's tree on its way to ours: its ids become numbers, what we have no place for is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.chat.conversation import Message
from engine.chat.history.tree import Node, Tree

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ForeignNode:
    """One node of a foreign tree; ``message`` is ``None`` for one that we have no place for."""

    id: str
    parent_id: str | None
    message: Message | None
    created_s: float = 0.0


def tree_of(foreign: Iterable[ForeignNode], shown_leaf: str | None, system_prompt: str) -> Tree:
    """Return our tree of nodes given parents first, with the branch shown that ends in ``shown_leaf``."""
    tree = Tree(0, system_prompt)
    place: dict[str | None, int | None] = {None: None}
    nodes: list[Node] = []
    for item in foreign:
        parent_id = place.get(item.parent_id)
        if item.message is None:
            place[item.id] = parent_id
            continue
        place[item.id] = len(nodes) + 1
        nodes.append(Node(len(nodes) + 1, parent_id, item.message, item.created_s, shown=False))
    tree = Tree(0, system_prompt, tuple(nodes))
    tree = _with_last_shown(tree)
    leaf = place.get(shown_leaf)
    return tree.showing(leaf) if leaf is not None else tree


def parents_first(records: Mapping[str, Any], parent_of: Callable[[Any], str | None]) -> list[str]:
    """Return the ids of a tree's records so that parents come before children; siblings keep their order.

    A record whose parent is not there counts as a first one; a circle is left out.
    """
    children: dict[str | None, list[str]] = {}
    for key, record in records.items():
        parent = parent_of(record)
        children.setdefault(parent if parent in records else None, []).append(key)
    ordered, rest = [], list(reversed(children.get(None, [])))
    while rest:
        key = rest.pop()
        ordered.append(key)
        rest += reversed(children.get(key, []))
    return ordered


def _with_last_shown(tree: Tree) -> Tree:
    last = {node.parent_id: node.id for node in tree.nodes}
    nodes = (
        Node(node.id, node.parent_id, node.message, node.created_s, last[node.parent_id] == node.id)
        for node in tree.nodes
    )
    return Tree(tree.conversation_id, tree.system_prompt, tuple(nodes))
