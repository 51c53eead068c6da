"""A foreign program's tree on its way to ours: its ids become numbers, what we have no place for is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
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
    """Return our tree of nodes given parents first, with the branch shown that ends in ``shown_leaf``.

    An answer that was given in several messages, with tools between them, becomes one.
    """
    place: dict[str | None, int | None] = {None: None}
    nodes: list[Node] = []
    foreign = list(foreign)
    children = _children(foreign)
    for item in foreign:
        parent_id = place.get(item.parent_id)
        before = nodes[parent_id - 1] if parent_id else None
        if item.message is None:
            place[item.id] = parent_id
        elif before and _goes_on(before.message, item.message) and children[item.id] == 1:
            place[item.id] = parent_id
            nodes[before.id - 1] = replace(before, message=_joined(before.message, item.message))
        else:
            place[item.id] = len(nodes) + 1
            nodes.append(Node(len(nodes) + 1, parent_id, item.message, item.created_s, shown=False))
    tree = _with_last_shown(Tree(0, system_prompt, tuple(nodes)))
    leaf = place.get(shown_leaf)
    return tree.showing(leaf) if leaf is not None else tree


def attached(names: Iterable[object]) -> str:
    """Return what stands for the files of a question, which an exported file only names."""
    told = ", ".join(str(name) for name in names if name)
    return f"[attached, but not in the exported file: {told}]" if told else ""


def _children(foreign: Iterable[ForeignNode]) -> dict[str, int]:
    """Return of each message how many follow the same one as it does, itself included."""
    above: dict[str | None, str | None] = {None: None}  # the nearest message that is kept
    follow: dict[str | None, list[str]] = {}
    for item in foreign:
        parent = above.get(item.parent_id)
        above[item.id] = parent if item.message is None else item.id
        if item.message is not None:
            follow.setdefault(parent, []).append(item.id)
    return {key: len(siblings) for siblings in follow.values() for key in siblings}


def _goes_on(before: Message, message: Message) -> bool:
    return before.role == message.role == "assistant"


def _joined(before: Message, message: Message) -> Message:
    """Return two messages as one answer, told to be by the model of the second."""
    spans = [span for span in (before.thinking_s, message.thinking_s) if span is not None]
    return replace(
        message,
        content="\n\n".join(filter(None, [before.content, message.content])),
        thinking="\n\n".join(filter(None, [before.thinking, message.thinking])),
        thinking_s=sum(spans) if spans else None,
        origin=message.origin or before.origin,
    )


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
