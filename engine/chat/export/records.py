"""Halfbyte's own JSON: everything that the store has of a conversation, and nothing of this machine's.

Ids are numbers of this file only. What a version means never changes: a reader refuses versions that it does not know.
Version 2 has ``odds`` in the messages that have them; a file without any is of version 1, which older programs read.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.chat.conversation import LeftOut, Message, Origin
from engine.chat.history import odds
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Node, Tree
from engine.events import Odds
from engine.runtime.results import Usage

FORMAT = "halfbyte-conversations"
VERSIONS = (1, 2)
_ENTRY = ("title", "titled_by", "system_prompt", "folder", "pinned", "archived", "options", "created_s", "changed_s")


def as_json(conversations: Iterable[tuple[Entry, Tree]]) -> str:
    """Return a file's text."""
    records, version = [], 1
    for entry, tree in conversations:
        records.append(record(entry, tree))
        version = 2 if tree.odds else version
    return json.dumps({"format": FORMAT, "version": version, "conversations": records}, ensure_ascii=False, indent=1)


def record(entry: Entry, tree: Tree) -> dict[str, Any]:
    """Return one conversation as JSON values."""
    messages = [_node_record(node, tree.odds.get(node.id, ())) for node in tree.nodes]
    return {**{name: getattr(entry, name) for name in _ENTRY}, "messages": messages}


def conversation(record: Mapping[str, Any]) -> tuple[Entry, Tree]:
    """Rebuild a conversation, numbered 0. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for what is none."""
    if not isinstance(record["options"], Mapping):
        raise TypeError("the options are no object")
    entry = Entry(0, **{name: record[name] for name in _ENTRY})
    nodes = tuple(_node(item) for item in record["messages"])
    known = {item["id"]: odds.of_records(item["odds"]) for item in record["messages"] if item.get("odds")}
    return entry, Tree(0, entry.system_prompt, nodes, known)


def _node_record(node: Node, known: Sequence[Odds]) -> dict[str, Any]:
    place = {"id": node.id, "parent_id": node.parent_id, "shown": node.shown, "created_s": node.created_s}
    told = {"odds": odds.as_records(known)} if known else {}
    return {**place, **dataclasses.asdict(node.message), **told}


def _node(record: Mapping[str, Any]) -> Node:
    values = {name: value for name, value in record.items() if name != "odds"}
    node_id, parent_id = values.pop("id"), values.pop("parent_id")
    shown, created_s = values.pop("shown"), values.pop("created_s")
    kinds = {"usage": Usage, "origin": Origin, "left_out": LeftOut}
    parts = {name: kind(**values[name]) if values.get(name) else None for name, kind in kinds.items()}
    return Node(node_id, parent_id, Message(**{**values, **parts}), created_s, shown)
