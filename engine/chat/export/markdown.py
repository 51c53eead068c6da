"""The shown branch as Markdown: what was said stands as it was written."""

from __future__ import annotations

import time

from engine.chat.conversation import Message
from engine.chat.history.rows import Entry
from engine.chat.history.tree import Tree

NAMES = {"user": "You", "assistant": "Answer", "system": "System prompt"}


def as_markdown(entry: Entry, tree: Tree) -> str:
    """Return a document with a heading for each message."""
    parts = [f"# {heading(entry)}"]
    if entry.system_prompt:
        parts += ["## System prompt", entry.system_prompt]
    for node in tree.branch:
        parts += _said(node.message)
    return "\n\n".join(parts) + "\n"


def heading(entry: Entry) -> str:
    return " ".join(entry.title.split()) or "Conversation"


def byline(message: Message) -> str:
    """Return who speaks: an answer with its model's name."""
    if message.origin:
        return f"{NAMES[message.role]} ({message.origin.model})"
    return NAMES[message.role]


def left_out_words(message: Message) -> str:
    """Return what the model was not shown, "" if it was shown everything."""
    left_out = message.left_out
    if left_out is None:
        return ""
    instead = "; a summary stood in their place" if left_out.summary else ""
    return f"{left_out.count} earlier messages were left out of what the model was shown{instead}."


def date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _said(message: Message) -> list[str]:
    parts = [f"## {byline(message)}"]
    if words := left_out_words(message):
        parts.append(f"*{words}*")
    if message.thinking:
        parts.append("\n".join(f"> {line}".rstrip() for line in message.thinking.splitlines()))
    return [*parts, message.content]
