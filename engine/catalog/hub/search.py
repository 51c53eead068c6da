"""Searches the Hub: one request a page, and each row has all that an estimate needs."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from engine.catalog.hub.client import Hub
from engine.catalog.hub.patience import OnWait
from engine.catalog.hub.values import FoundModel, Gate, Page, Query

SORTS = {"trending": "trendingScore", "downloads": "downloads", "likes": "likes", "recent": "lastModified"}
# Source: huggingface_hub 2.4, hf_api.py, ExpandModelProperty_T.
EXPANDED = (
    "downloads",
    "likes",
    "pipeline_tag",
    "gated",
    "private",
    "lastModified",
    "tags",
    "safetensors",
    "gguf",
    "trendingScore",
)


def search(
    hub: Hub, query: Query, page: str = "", stop: threading.Event | None = None, on_wait: OnWait | None = None
) -> Page:
    """Return the first page of a search, or the one that an earlier page calls ``next``."""
    parameters = () if page else _parameters(query)
    answer = hub.ask(page or "/api/models", "the search", parameters, stop, on_wait)
    rows = answer.value if isinstance(answer.value, list) else []
    return Page(tuple(found_model(row) for row in rows if isinstance(row, dict) and _name(row)), answer.next)


def found_model(row: Mapping[str, Any]) -> FoundModel:
    """Return a row of the API as a value; what is missing or makes no sense is empty."""
    safetensors, gguf = _table(row, "safetensors"), _table(row, "gguf")
    types = _table(safetensors, "parameters")
    return FoundModel(
        name=_name(row),
        downloads=_count(row, "downloads"),
        likes=_count(row, "likes"),
        task=_text(row, "pipeline_tag"),
        gated=_gate(row),
        private=row.get("private") is True,
        changed=_text(row, "lastModified"),
        tags=tuple(tag for tag in row.get("tags") or () if isinstance(tag, str)),
        parameters=_count(safetensors, "total") or _count(gguf, "total"),
        stored_types={str(kind): _count(types, kind) for kind in types},
        architecture=_text(gguf, "architecture"),
        context_tokens=_count(gguf, "context_length"),
    )


def _parameters(query: Query) -> tuple[tuple[str, str], ...]:
    fields = (("search", query.text.strip()), ("author", query.author.strip()), ("pipeline_tag", query.task))
    return (
        *((key, value) for key, value in fields if value),
        *(("filter", tag) for tag in query.tags),
        ("sort", SORTS[query.sort]),
        ("limit", str(query.page_size)),
        *(("expand", name) for name in EXPANDED),
    )


def _name(row: Mapping[str, Any]) -> str:
    return _text(row, "id") or _text(row, "modelId")


def _gate(row: Mapping[str, Any]) -> Gate:
    gated = row.get("gated")
    return gated if gated in ("auto", "manual") else "auto" if gated is True else ""


def _table(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _count(row: Mapping[str, Any], key: str) -> int:
    value = row.get(key)
    return value if type(value) is int and 0 <= value < 1 << 60 else 0


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value if isinstance(value, str) else ""
