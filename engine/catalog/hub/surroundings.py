"""What around Halfbyte decides how the Hub is reached: the environment's address, offline switch, proxies and token."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.catalog.hub.client import Hub
from engine.catalog.tokens import Source
from engine.errors import Refused

OFFICIAL = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """``proxies`` are addresses without their passwords. ``complaint`` is why the token in use cannot be sent."""

    endpoint: str
    offline: bool
    proxies: tuple[str, ...]
    token: Source
    complaint: str = ""

    @property
    def is_mirror(self) -> bool:
        return self.endpoint != OFFICIAL


def look_around(hub: Hub, read_token: bool = True) -> Surroundings:
    """Return how the Hub is reached now. Reading the token may ask the person to unlock a keyring: call it in a job."""
    from huggingface_hub import constants

    hub.warm_up()  # whoever looks will search next
    complaint = ""
    try:
        if read_token:
            hub.tokens.current()
    except Refused as error:
        complaint = error.message
    return Surroundings(hub.endpoint, bool(constants.HF_HUB_OFFLINE), _proxies(), hub.tokens.source, complaint)


def _proxies() -> tuple[str, ...]:
    """Return the proxies that httpx reads from the environment, and from the system on Windows and macOS."""
    found = urllib.request.getproxies()
    kinds = [kind for kind in ("https", "http", "all") if kind in found]
    return tuple(dict.fromkeys(f"{kind}: {_without_password(found[kind])}" for kind in kinds))


def _without_password(address: str) -> str:
    parts = urlsplit(address if "://" in address else f"http://{address}")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname or address.rpartition('@')[2]}{port}"
