"""The library of system prompts: a few to begin with, and those that a person saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.chat.shelf import Shelf
from engine.paths import folders

BUNDLED: Mapping[str, str] = {
    "Short answers": "Answer in at most three sentences. Leave out introductions and summaries.",
    "Teacher": "Explain step by step, in plain words, with one example. End with a question that checks understanding.",
    "Code reviewer": "You review code. Name mistakes first, each with the line and a correction; then what is unclear.",
    "Translator": "Translate what you are given into English. Keep names, numbers and formatting. Add nothing.",
}


def prompts(file: Path | None = None) -> Shelf[str]:
    """Return the system prompts by name."""
    return Shelf(file or folders().data / "prompts.json", "system prompt", _text, str, BUNDLED)


def _text(record: Any) -> str | None:
    return record if isinstance(record, str) else None
