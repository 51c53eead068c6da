"""Halfbyte's own JSON: everything that the store has of a conversation, and nothing of this machine's.

Ids are numbers of this file only. What a version means never changes: a reader refuses versions that it does not know.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from engine.chat.conversation import LeftOut, Message, Origin
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Node, Tree
from engine.runtime.results import Usage

FORMAT = "halfbyte-conversations"
VERSION = 1
_ENTRY = ("title", "titled_by", "system_prompt", "folder", "pinned", "archived", "options", "created_s", "changed_s")


def as_json(conversations: Iterable[tuple[Entry, Tree]]) -> str:
    """Return a file's text."""
    records = [record(entry, tree) for entry, tree in conversations]
    return json.dumps({"format": FORMAT, "version": VERSION, "conversations": records}, ensure_ascii=False, indent=1)


def record(entry: Entry, tree: Tree) -> dict[str, Any]:
    """Return one conversation as JSON values."""
    return {**{name: getattr(entry, name) for name in _ENTRY}, "messages": [_node_record(node) for node in tree.nodes]}


def conversation(record: Mapping[str, Any]) -> tuple[Entry, Tree]:
    """Rebuild a conversation, numbered 0. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is none."""
    if not isinstance(record["options"], Mapping):
        raise TypeError("the options are no object")
    entry = Entry(0, **{name: record[name] for name in _ENTRY})
    nodes = tuple(_node(item) for item in record["messages"])
    return entry, Tree(0, entry.system_prompt, nodes)


def _node_record(node: Node) -> dict[str, Any]:
    place = {"id": node.id, "parent_id": node.parent_id, "shown": node.shown, "created_s": node.created_s}
    return {**place, **dataclasses.asdict(node.message)}


def _node(record: Mapping[str, Any]) -> Node:
    values = dict(record)
    node_id, parent_id = values.pop("id"), values.pop("parent_id")
    shown, created_s = values.pop("shown"), values.pop("created_s")
    kinds = {"usage": Usage, "origin": Origin, "left_out": LeftOut}
    parts = {name: kind(**values[name]) if values.get(name) else None for name, kind in kinds.items()}
    return Node(node_id, parent_id, Message(**{**values, **parts}), created_s, shown)
