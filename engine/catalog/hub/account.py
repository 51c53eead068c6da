"""Whose token it is: asked before a token is kept, so that a wrong one is told where it was typed."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from engine.catalog.hub.client import Hub
from engine.catalog.hub.patience import OnWait
from engine.catalog.tokens import Given, Source
from engine.errors import AccessNeeded, NotFound, Refused


@dataclass(frozen=True, slots=True)
class Kept:
    """Who the Hub says the token belongs to, and where it is kept."""

    name: str
    source: Source


def token_page(endpoint: str) -> str:
    """Return the page of an endpoint where people make tokens."""
    return f"{endpoint}/settings/tokens"


def keep_checked(hub: Hub, token: str, stop: threading.Event | None = None, on_wait: OnWait | None = None) -> Kept:
    """Ask the Hub whose token it is, and keep it in ``hub.tokens``. Raises :class:`Refused` for one that is not known.

    Source of the call: huggingface_hub 2.4, hf_api.py, ``whoami``.
    """
    given = Given(token)
    asked = Hub(hub.endpoint, given, hub.patience)
    try:
        answer = asked.ask("/api/whoami-v2", "the account", (), stop, on_wait).value
    except (AccessNeeded, NotFound) as error:
        hint = f"Make a new one at {token_page(hub.endpoint)} and copy it whole."
        raise Refused(f"{hub.host} does not know this token.", hint) from error
    name = answer.get("name") if isinstance(answer, dict) else None
    return Kept(str(name or "an account without a name"), hub.tokens.keep(token))
