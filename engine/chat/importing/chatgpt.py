"""ChatGPT's data export, ``conversations.json``: a tree of nodes in ``mapping``, the shown leaf in ``current_node``.

Form: as described by the readers mitkury/chatgpt-export-parser 08e6ae59 (docs/chatgpt-data-export-format.md) and Open
WebUI 5ffcc7c4 (src/lib/utils/index.ts), and as exports of 2023 to 2025 have it. What tools were told and said is not
ours to show; pictures are not in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.chat.conversation import Message, Origin
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from engine.chat.importing.drafts import ForeignNode, Record, parents_first, tree_of


def is_one(record: Record) -> bool:
    return isinstance(record.get("mapping"), Mapping)


def conversation(record: Record) -> tuple[Entry, Tree]:
    """Return one conversation, numbered 0."""
    mapping = {key: node for key, node in record["mapping"].items() if isinstance(node, Mapping)}
    system_prompt = next(filter(None, map(_instructions, mapping.values())), "")
    tree = tree_of(_nodes(mapping), record.get("current_node"), system_prompt)
    created_s = float(record.get("create_time") or 0.0)
    entry = Entry(
        0,
        str(record.get("title") or ""),
        "model" if record.get("title") else "",
        system_prompt,
        archived=bool(record.get("is_archived")),
        created_s=created_s,
        changed_s=float(record.get("update_time") or created_s),
    )
    return entry, tree


def _nodes(mapping: Mapping[str, Record]) -> Iterator[ForeignNode]:
    thoughts: dict[str | None, str] = {}  # what was thought before the answer that follows a node
    for key in parents_first(mapping, lambda node: node.get("parent")):
        node = mapping[key]
        parent = node.get("parent")
        said = node.get("message") or {}
        before = thoughts.pop(parent, "") if len(mapping.get(parent or "", {}).get("children", [])) < 2 else ""
        before = "\n\n".join(filter(None, [before, _thoughts(said)]))
        message = _message(said, before)
        if message is None:
            thoughts[key] = before
        yield ForeignNode(key, parent, message, float(said.get("create_time") or 0.0))


def _message(said: Record, thinking: str) -> Message | None:
    role = (said.get("author") or {}).get("role")
    metadata = said.get("metadata") or {}
    if role not in ("user", "assistant") or metadata.get("is_visually_hidden_from_conversation"):
        return None
    if said.get("recipient", "all") != "all":  # what the model told a tool
        return None
    text = _text(said.get("content") or {})
    if not text:
        return None
    if role == "user":
        return Message("user", text)
    model = metadata.get("model_slug")
    ending = "stop" if said.get("status") != "in_progress" else "interrupted"
    return Message("assistant", text, thinking, ending, origin=Origin(str(model)) if model else None)


def _text(content: Record) -> str:
    kind = content.get("content_type")
    if kind == "code":
        language = content.get("language")
        return f"```{language if language != 'unknown' else ''}\n{content.get('text', '')}\n```"
    if kind in ("thoughts", "reasoning_recap", "user_editable_context", "model_editable_context"):
        return ""
    parts = content.get("parts") or [content.get("text") or ""]
    return "\n\n".join(filter(None, map(_part, parts)))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return ""
    if part.get("content_type") == "audio_transcription":
        return str(part.get("text") or "")
    if "asset_pointer" in str(part.get("content_type")):
        return "[a picture or recording that the exported file does not hold]"
    return ""


def _thoughts(said: Record) -> str:
    content = said.get("content") or {}
    if content.get("content_type") != "thoughts":
        return ""
    return "\n\n".join(
        str(thought.get("content") or thought.get("summary") or "")
        for thought in content.get("thoughts") or []
        if isinstance(thought, Mapping)
    )


def _instructions(node: Record) -> str:
    """Return the person's custom instructions, where a node holds them."""
    metadata = (node.get("message") or {}).get("metadata") or {}
    data = metadata.get("user_context_message_data") or {}
    return "\n\n".join(filter(None, [data.get("about_user_message"), data.get("about_model_message")]))
