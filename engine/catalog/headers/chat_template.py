"""A folder's chat template, as text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.catalog.headers.shards import read_json


def chat_template(folder: Path, settings: Mapping[str, Any] | None = None) -> str:
    """Return the chat template, "" without one. Of several, the one for chatting is called “default”.

    ``settings`` are those of the tokenizer, where they were read already. Raises :class:`DamagedFile`.
    """
    if (folder / "chat_template.jinja").is_file():
        return (folder / "chat_template.jinja").read_text("utf-8")
    if settings is None:
        file = folder / "tokenizer_config.json"
        settings = read_json(file) if file.is_file() else {}
    told = settings.get("chat_template")
    if (folder / "chat_template.json").is_file():
        told = read_json(folder / "chat_template.json").get("chat_template", told)
    if isinstance(told, list):
        told = next((entry.get("template") for entry in told if entry.get("name") == "default"), None)
    return told if isinstance(told, str) else ""
