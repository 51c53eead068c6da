"""Open WebUI's export (“Export chats”): a list of chats, each with a tree in ``chat.history``.

Form: Open WebUI 5ffcc7c4, backend/open_webui/models/chats.py (``ChatResponse``) and src/lib/components/chat/Chat.svelte
(the messages); reasoning stands in the content as ``<details type="reasoning" done="true" duration="5">``
(backend/open_webui/utils/middleware.py, ``serialize_content_blocks``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape

from engine.chat.conversation import Message, Origin
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree
from engine.chat.importing.drafts import ForeignNode, Record, parents_first, tree_of

_REASONING = re.compile(
    r'<details type="reasoning"(?P<attributes>[^>]*)>\s*(?:<summary>.*?</summary>)?(?P<text>.*?)</details>\n?',
    re.DOTALL,
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
    content = str(said.get("content") or "")
    if said.get("role") == "user":
        return Message("user", content)
    if said.get("role") != "assistant":
        return None
    found = list(_REASONING.finditer(content))
    durations = [float(match[1]) for block in found for match in _DURATION.finditer(block["attributes"])]
    model = said.get("model")
    return Message(
        "assistant",
        _REASONING.sub("", content).strip("\n") if found else content,
        "\n\n".join(_unquoted(block["text"]) for block in found),
        "interrupted" if said.get("done") is False else "stop",
        thinking_s=sum(durations) if durations else None,
        origin=Origin(str(model)) if model else None,
    )


def _unquoted(text: str) -> str:
    """Return reasoning without the quotation marks that stand before each of its lines."""
    return "\n".join(re.sub(r"^> ?", "", line) for line in unescape(text).strip().splitlines())
