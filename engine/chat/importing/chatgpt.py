"""ChatGPT's data export, ``conversations.json``: a tree of nodes in ``mapping``, the shown leaf in ``current_node``.

Form: as described by the readers mitkury/chatgpt-export-parser 08e6ae59 (docs/chatgpt-data-export-format.md) and Open
WebUI 5ffcc7c4 (src/lib/utils/index.ts), and as exports of 2023 to 2026 have it; citations as pionxzh/chatgpt-exporter
15368f96 reads them (src/utils/citations.ts). What tools were told and said is not ours to show, but for a document that
was written into a canvas; pictures and attached files are not in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.chat.conversation import Message, Origin
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from engine.chat.importing.drafts import ForeignNode, Record, attached, parents_first, tree_of

_CITE_BEGIN, _CITE_END = "\ue200", "\ue201"


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
        pinned=bool(record.get("is_starred") or record.get("pinned_time")),
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
    content = said.get("content") or {}
    if (recipient := said.get("recipient") or "all") != "all":  # what the model told a tool
        text = _document(content) if str(recipient).startswith("canmore.") else ""
    else:
        text = _cited(_text(content), metadata.get("content_references"))
    if role == "user":
        files = [file.get("name") for file in metadata.get("attachments") or [] if isinstance(file, Mapping)]
        text = "\n\n".join(filter(None, [text, "" if _has_picture(content) else attached(files)]))
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


def _document(content: Record) -> str:
    """Return what was written into a canvas: a new document, or one written anew as a whole."""
    try:
        told = json.loads(content.get("text") or "".join(part for part in content.get("parts") or []))
    except (ValueError, TypeError):
        return ""
    updates = told.get("updates") or [{}]
    whole = updates[0].get("replacement") if updates[0].get("pattern") == ".*" else ""
    text = str(told.get("content") or whole or "")
    kind, _, language = str(told.get("type") or "").partition("/")
    body = f"```{language}\n{text}\n```" if text and kind == "code" else text
    return "\n\n".join(filter(None, [f"**{told['name']}**" if told.get("name") and text else "", body]))


def _cited(text: str, references: Any) -> str:
    """Return a text with links in place of the marks that ChatGPT sets where it cites; unknown ones are left out."""
    if _CITE_BEGIN not in text:
        return text
    for reference in references or []:
        if isinstance(reference, Mapping) and (mark := reference.get("matched_text")) and _CITE_BEGIN in mark:
            text = text.replace(mark, _linked(reference))
    return re.sub(rf" ?{_CITE_BEGIN}[^{_CITE_END}]*{_CITE_END}", "", text)


def _linked(reference: Record) -> str:
    sources = [item for item in reference.get("items") or [] if isinstance(item, Mapping) and item.get("url")]
    links = [f"[{item.get('attribution') or item.get('title') or item['url']}]({item['url']})" for item in sources]
    return f"({', '.join(links)})" if links else str(reference.get("alt") or "")


def _has_picture(content: Record) -> bool:
    parts = content.get("parts") or []
    return any("asset_pointer" in str(part.get("content_type")) for part in parts if isinstance(part, Mapping))


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
