"""Looks up a model: what the Hub says of it, and its files at a pinned commit with their sizes and hashes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from engine.catalog.hub.address import Address, parse_address
from engine.catalog.hub.client import Hub
from engine.catalog.hub.patience import OnWait
from engine.catalog.hub.search import found_model
from engine.catalog.hub.values import RemoteFile, RemoteModel
from engine.errors import NotFound, Refused

FILES_LIMIT = 20_000
COMMIT = re.compile(r"[0-9a-f]{40}")
SHA256 = re.compile(r"[0-9a-f]{64}")


def look_up(
    hub: Hub, address: str | Address, stop: threading.Event | None = None, on_wait: OnWait | None = None
) -> RemoteModel:
    """Return a model by its name or URL, pinned to the commit that its revision has now.

    Raises :class:`Refused` for what is no address or no pinned answer, and what :meth:`Hub.ask` does.
    """
    if isinstance(address, str):
        address = parse_address(address, hub.endpoint)
    path = f"/api/models/{address.repository}"
    if address.revision:
        path += f"/revision/{quote(address.revision, safe='')}"
    info = hub.ask(path, address.repository, (), stop, on_wait).value
    commit = info.get("sha") if isinstance(info, dict) else None
    if not isinstance(commit, str) or not COMMIT.fullmatch(commit):
        raise Refused(f"{hub.host} does not say which commit {address.repository} has.", "Try again later.")
    told = info.get("config")
    about = found_model({**info, "id": _own_name(info, address.repository)})
    return RemoteModel(
        name=about.name,
        commit=commit,
        files=tuple(_files(hub, about.name, commit, stop, on_wait)),
        page=hub.page(about.name),
        about=about,
        licence=_licence(info, about.tags),
        base_models=tuple(dict.fromkeys(tag.split(":")[-1] for tag in about.tags if tag.startswith("base_model:"))),
        config=told if isinstance(told, dict) else {},
    )


def _own_name(info: Mapping[str, Any], asked: str) -> str:
    """Return what the Hub calls the model now; it may have been renamed since its address was written down."""
    try:
        return parse_address(str(info.get("id") or asked)).repository
    except Refused:
        return asked


def _files(
    hub: Hub, name: str, commit: str, stop: threading.Event | None, on_wait: OnWait | None
) -> Iterator[RemoteFile]:
    page, count = f"/api/models/{name}/tree/{commit}?recursive=True", 0
    while page:
        answer = hub.ask(page, name, (), stop, on_wait)
        entries = answer.value if isinstance(answer.value, list) else []
        for file in _listed(entries):
            count += 1
            if count > FILES_LIMIT:
                raise Refused(f"{name} has more than {FILES_LIMIT:,} files.", "Choose another model.")
            yield file
        page = answer.next if entries else ""
    if not count:
        raise NotFound(f"A file in {name}", hub.host, "The repository is empty.")


def _listed(entries: Iterable[Any]) -> Iterator[RemoteFile]:
    """Yield the files of a listing; an entry that makes no sense is left out, and so are folders."""
    for entry in entries:
        if not isinstance(entry, dict) or entry.get("type") != "file":
            continue
        path, size, git_sha1 = entry.get("path"), entry.get("size"), entry.get("oid")
        lfs = entry.get("lfs")
        if isinstance(lfs, dict):
            size = lfs.get("size", size)
        sha256 = str(lfs.get("oid", "")).removeprefix("sha256:") if isinstance(lfs, dict) else ""
        if isinstance(path, str) and type(size) is int and 0 <= size < 1 << 50:
            yield RemoteFile(path, size, _hash(git_sha1, COMMIT), _hash(sha256, SHA256))


def _hash(value: object, form: re.Pattern[str]) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""


def _licence(info: Mapping[str, Any], tags: Iterable[str]) -> str:
    card = info.get("cardData")
    licence = card.get("license") if isinstance(card, dict) else None
    if isinstance(licence, list):
        licence = ", ".join(map(str, licence))
    if licence == "other" and isinstance(card, dict) and isinstance(card.get("license_name"), str):
        licence = card["license_name"]
    tagged = next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), "")
    return licence if isinstance(licence, str) else tagged
