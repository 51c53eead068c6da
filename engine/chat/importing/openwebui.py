"""Open WebUI's export (“Export chats”): a list of chats, each with a tree in ``chat.history``.

Form: Open WebUI 5ffcc7c4, backend/open_webui/models/chats.py (``ChatResponse``) and src/lib/components/chat/Chat.svelte
(the messages); what is more than an answer's text stands in the content as ``<details type="reasoning" done="true"
duration="5">`` (backend/open_webui/utils/middleware.py, ``serialize_content_blocks``; since 2026 ``serialize_output``,
with the same as items in ``output``). What tools were told and said is not ours to show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from engine.chat.conversation import Message, Origin
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from engine.chat.importing.drafts import ForeignNode, Record, attached, parents_first, tree_of

_REASONING = re.compile(
    r'<details type="reasoning"(?P<attributes>[^>]*)>\s*(?:<summary>.*?</summary>)?(?P<text>.*?)</details>\n?',
    re.DOTALL,
)
_TOOL = re.compile(r'<details type="tool_calls"[^>]*>.*?</details>\n?', re.DOTALL)
_CODE = re.compile(
    r'<details type="code_interpreter"[^>]*>\s*(?:<summary>.*?</summary>)?(?P<text>.*?)</details>\n?', re.DOTALL
)
_DURATION = re.compile(r'duration="(\d+(?:\.\d+)?)"')


def is_one(record: Record) -> bool:
    chat = record.get("chat", record)
    return isinstance(chat, Mapping) and isinstance(chat.get("history"), Mapping)


def conversation(record: Record) -> tuple[Entry, Tree]:
    """Return one conversation, numbered 0."""
    chat: Record = record.get("chat", record)
    history = chat["history"]
    params = chat.get("params") or {}
    system_prompt = str(chat.get("system") or params.get("system") or "")
    messages = {
        key: message for key, message in (history.get("messages") or {}).items() if isinstance(message, Mapping)
    }
    tree = tree_of(_nodes(messages), history.get("currentId"), system_prompt)
    title = str(record.get("title") or chat.get("title") or "")
    tags = (record.get("meta") or {}).get("tags") or chat.get("tags") or []
    created_s = float(record.get("created_at") or (chat.get("timestamp") or 0) / 1000)
    entry = Entry(
        0,
        title,
        "model" if title else "",
        system_prompt,
        pinned=bool(record.get("pinned")),
        archived=bool(record.get("archived")),
        options={"tags": tags} if tags else {},
        created_s=created_s,
        changed_s=float(record.get("updated_at") or created_s),
    )
    return entry, tree


def _nodes(messages: Mapping[str, Record]) -> Iterator[ForeignNode]:
    for key in parents_first(messages, lambda message: message.get("parentId")):
        said = messages[key]
        yield ForeignNode(key, said.get("parentId"), _message(said), float(said.get("timestamp") or 0.0))


def _message(said: Record) -> Message | None:
    content = str(said.get("content") or "") or _output_text(said.get("output"))
    if said.get("role") == "user":
        files = [file.get("name") for file in said.get("files") or [] if isinstance(file, Mapping)]
        return Message("user", "\n\n".join(filter(None, [content, attached(files)])))
    if said.get("role") != "assistant":
        return None
    found = list(_REASONING.finditer(content))
    durations = [float(match[1]) for block in found for match in _DURATION.finditer(block["attributes"])]
    model = said.get("model")
    return Message(
        "assistant",
        _text(content),
        "\n\n".join(_unquoted(block["text"]) for block in found),
        "interrupted" if said.get("done") is False else "stop",
        thinking_s=sum(durations) if durations else None,
        origin=Origin(str(model)) if model else None,
    )


def _text(content: str) -> str:
    """Return an answer's text without what was thought and what tools did; code that was run stays."""
    if "<details type=" not in content:
        return content
    without = _TOOL.sub("", _REASONING.sub("", content))
    return _CODE.sub(lambda block: block["text"].strip() + "\n", without).strip("\n")


def _output_text(output: Any) -> str:
    """Return the text of an answer that only its items hold."""
    messages = [item for item in output or [] if isinstance(item, Mapping) and item.get("type") == "message"]
    parts = [part for item in messages for part in item.get("content") or [] if isinstance(part, Mapping)]
    return "\n\n".join(str(part["text"]) for part in parts if part.get("text"))


def _unquoted(text: str) -> str:
    """Return reasoning without the quotation marks that stand before each of its lines."""
    return "\n".join(re.sub(r"^> ?", "", line) for line in unescape(text).strip().splitlines())
