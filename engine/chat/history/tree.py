"""A conversation as a tree of messages: pure values. An edited question and a second answer are siblings.

Ids ascend with time, so siblings stand in the order of their ids. Of each group of siblings one is shown; the shown
ones from the root on are the branch that a person reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from engine.chat.conversation import Conversation, Message
from engine.errors import NotFound
from engine.events import Odds


@dataclass(frozen=True, slots=True)
class Node:
    """A message and its place. ``parent_id`` is ``None`` for a first message; ``created_s`` is Unix time."""

    id: int
    parent_id: int | None
    message: Message
    created_s: float = 0.0
    shown: bool = True


@dataclass(frozen=True)
class Tree:
    """All messages of one conversation. Parents come before their children.

    ``odds`` are how likely the answers' tokens were, by message, where they were read too.
    """

    conversation_id: int
    system_prompt: str = ""
    nodes: tuple[Node, ...] = field(default=())
    odds: Mapping[int, tuple[Odds, ...]] = field(default_factory=dict)

    @cached_property
    def _by_id(self) -> dict[int, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _children(self) -> dict[int | None, list[Node]]:
        children: dict[int | None, list[Node]] = {}
        for node in self.nodes:
            children.setdefault(node.parent_id, []).append(node)
        return children

    @cached_property
    def branch(self) -> tuple[Node, ...]:
        """The shown messages, from the first to the last."""
        return tuple(self._walk(None))

    @property
    def leaf(self) -> Node | None:
        """The last message shown."""
        return self.branch[-1] if self.branch else None

    @property
    def conversation(self) -> Conversation:
        """The shown branch as it was said."""
        return Conversation(tuple(node.message for node in self.branch), self.system_prompt)

    def __getitem__(self, node_id: int) -> Node:
        """Return a node. Raises :class:`NotFound`."""
        node = self._by_id.get(node_id)
        if node is None:
            raise NotFound(f"Message {node_id}", "this conversation", "It may have been deleted.")
        return node

    def siblings(self, node_id: int) -> tuple[Node, ...]:
        """Return the versions of a message, oldest first, itself among them."""
        return tuple(self._children[self[node_id].parent_id])

    def children(self, node_id: int | None) -> tuple[Node, ...]:
        """Return what follows a message; of ``None``: the first messages."""
        return tuple(self._children.get(node_id, ()))

    def ancestry(self, node_id: int | None) -> tuple[Node, ...]:
        """Return the messages from the first to this one, itself included; none for ``None``."""
        path: list[Node] = []
        while node_id is not None:
            path.append(self[node_id])
            node_id = path[-1].parent_id
        return tuple(reversed(path))

    def until(self, node_id: int | None) -> Conversation:
        """Return what was said from the beginning to a message."""
        return Conversation(tuple(node.message for node in self.ancestry(node_id)), self.system_prompt)

    def adding(self, node: Node) -> Tree:
        """Return the tree with one more message; if it is shown, its siblings no longer are."""
        hidden = self._hiding({node.parent_id}) if node.shown else self.nodes
        return replace(self, nodes=(*hidden, node))

    def replacing(self, node_id: int, message: Message) -> Tree:
        """Return the tree with another message in the same place."""
        changed = replace(self[node_id], message=message)
        return replace(self, nodes=tuple(changed if node.id == node_id else node for node in self.nodes))

    def showing(self, node_id: int) -> Tree:
        """Return the tree with the branch that holds a message shown; after it, what was last shown there."""
        path = {node.id for node in self.ancestry(node_id)}
        parents = {node.parent_id for node in self.ancestry(node_id)}
        nodes = (
            replace(node, shown=node.id in path)
            if node.parent_id in parents and node.shown != (node.id in path)
            else node
            for node in self.nodes
        )
        return replace(self, nodes=tuple(nodes))

    def without(self, node_id: int) -> Tree:
        """Return the tree without a message and all that follows it; its newest sibling is shown in its place."""
        gone = {node.id for node in self.subtree(node_id)}
        kept = replace(self, nodes=tuple(node for node in self.nodes if node.id not in gone))
        others = kept.children(self[node_id].parent_id)
        return kept.showing(others[-1].id) if others and not any(node.shown for node in others) else kept

    def subtree(self, node_id: int) -> tuple[Node, ...]:
        """Return a message and all that follows it, parents first."""
        found, rest = [], [self[node_id]]
        while rest:
            node = rest.pop()
            found.append(node)
            rest += self._children.get(node.id, ())
        return tuple(sorted(found, key=lambda node: node.id))

    def _hiding(self, parents: Iterable[int | None]) -> tuple[Node, ...]:
        return tuple(
            replace(node, shown=False) if node.shown and node.parent_id in parents else node for node in self.nodes
        )

    def _walk(self, parent_id: int | None) -> Iterable[Node]:
        while shown := next((node for node in self._children.get(parent_id, ()) if node.shown), None):
            yield shown
            parent_id = shown.id
