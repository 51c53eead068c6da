"""Adding and changing a server: it is tried, and what works is kept, its key apart from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from engine.catalog.servers.address import normal_url, usual_name
from engine.catalog.servers.client import Served, ServerClient
from engine.catalog.servers.keys import ServerKeys
from engine.catalog.servers.listing import NAME, NAME_HINT, Server, Servers
from engine.errors import EngineError, Refused

TAKEN_HINT = "Give this one another name."
AGAIN_HINT = "Enter the key again: it is sent only where you gave it for."
KeyPlace = Literal["", "keyring", "memory"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person entered. ``before`` is the server that it changes; without a new ``key`` its key stays.

    ``forget_key`` drops that one. An empty name is the usual one.
    """

    url: str
    name: str = ""
    key: str = ""
    before: Server | None = None
    forget_key: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """What a server answered. ``error`` says why it did not; ``key_kept`` where a new key went."""

    server: Server
    models: tuple[Served, ...] = ()
    answered_s: float = 0.0
    error: EngineError | None = None
    key_kept: KeyPlace = ""


def server_of_draft(draft: Draft, servers: Servers) -> Server:
    """Return the server that was meant. Raises :class:`Refused` for a bad address, or a name that is bad or taken."""
    url = normal_url(draft.url)
    server = Server(draft.name.strip() or usual_name(url), url)
    if not NAME.fullmatch(server.name):
        raise Refused(f"“{server.name}” cannot be a server's name.", NAME_HINT)
    taken = {known.name.lower() for known in servers.all() if known != draft.before}
    if server.name.lower() in taken:
        raise Refused(f"There is a server “{server.name}” already.", TAKEN_HINT)
    return server


def keep_draft(draft: Draft, servers: Servers, keys: ServerKeys, *, untried: bool = False) -> Tried:
    """Try a server with its key, then keep both; ``untried``: keep them as they are.

    Where there is no keyring, the key is held until the app ends. Raises :class:`EngineError` where it does not answer.
    """
    server = server_of_draft(draft, servers)
    before = draft.before
    old_key = keys.find(before.name, before.url) if before and not draft.forget_key else ""
    moved = before is not None and before.url != server.url
    if moved and old_key and not draft.key:
        raise Refused("The address is another one now.", AGAIN_HINT)
    tried = Tried(server) if untried else _asked(server, draft.key.strip() or old_key)
    names = servers.models(before) if untried and before else [served.name for served in tried.models]
    if before:
        _forget_before(before, server, keys, forget_key=draft.forget_key or moved)
        if before.name != server.name:
            servers.remove(before.name)
    place = _keep_key(keys, server, draft.key.strip())
    servers.add(server.url, server.name)
    servers.remember(server, names)
    return Tried(server, tried.models, tried.answered_s, None, place)


def try_server(server: Server, servers: Servers, keys: ServerKeys) -> Tried:
    """Ask a server for its models and remember them. What goes wrong is in the value: several are tried at a time."""
    try:
        tried = _asked(server, keys.find(server.name, server.url))
        servers.remember(server, [served.name for served in tried.models])
    except EngineError as error:
        return Tried(server, error=error)
    return tried


def forget_server(server: Server, servers: Servers, keys: ServerKeys) -> None:
    """Forget a server and its key. Raises :class:`NotFound`, :class:`Refused`."""
    servers.remove(server.name)
    keys.forget(server.url)
    keys.let_go(server.name)


def _asked(server: Server, key: str, clock: Callable[[], float] = time.perf_counter) -> Tried:
    began_s = clock()
    with ServerClient(server, key) as client:
        models = client.models()
    return Tried(server, models, clock() - began_s)


def _forget_before(before: Server, now: Server, keys: ServerKeys, *, forget_key: bool) -> None:
    if forget_key:
        keys.forget(before.url)
        keys.let_go(before.name)
    elif before.name != now.name and (held := keys.held(before.name)):
        keys.let_go(before.name)
        keys.hold(now.name, held)


def _keep_key(keys: ServerKeys, server: Server, key: str) -> KeyPlace:
    if not key:
        return ""
    if keys.keep(server.url, key):
        keys.let_go(server.name)
        return "keyring"
    keys.hold(server.name, key)
    return "memory"
