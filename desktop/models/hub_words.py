"""How the Hub is reached and who one is there, in words."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from engine.catalog.find import LookedUp
from engine.catalog.hub.account import Kept
from engine.catalog.hub.surroundings import Surroundings
from engine.catalog.relatives import original_name
from engine.catalog.tokens import ACCOUNT, SERVICE, Source

KEPT_UNDER = f"“{SERVICE}”, account “{ACCOUNT}”"


def surroundings_words(found: Surroundings) -> tuple[tuple[str, str], ...]:
    """Return where the Hub is and what the environment says about it, as pairs."""
    return tuple(_surroundings(found))


def _surroundings(found: Surroundings) -> Iterator[tuple[str, str]]:
    mirror = " (set by HF_ENDPOINT)" if found.is_mirror else ""
    yield "Address", f"{found.endpoint}{mirror}"
    if found.offline:
        yield "Network", "Off: HF_HUB_OFFLINE is set. Unset it and start Halfbyte again to search and download."
    if found.proxies:
        yield "Proxy", ", ".join(found.proxies)
    yield "Token", found.complaint or token_words(found.token)


def token_words(source: Source) -> str:
    """Return where the token in use is kept."""
    if source is Source.KEYRING:
        return f"{source.words} It lies there under {KEPT_UNDER}."
    return source.words


def kept_words(kept: Kept) -> str:
    """Return what became of a token that was entered."""
    return f"The token belongs to {kept.name}. {token_words(kept.source)}"


def host_of(address: str) -> str:
    return urlsplit(address).hostname or address


def model_words(found: LookedUp) -> tuple[tuple[str, str], ...]:
    """Return what the Hub says of a model, as pairs."""
    return tuple(_model(found))


def _model(found: LookedUp) -> Iterator[tuple[str, str]]:
    model = found.model
    yield "Licence", model.licence or "none named"
    yield "Revision", f"{model.commit[:12]}, pinned: what you see is what is fetched"
    if model.gated:
        how = "its publisher looks at each request" if model.gated == "manual" else "at once, after you agree"
        yield "Permission", f"needed: {how}"
    if (original := original_name(model)) != model.name:
        yield "Made from", original
    elif model.base_models:
        yield "Based on", ", ".join(model.base_models)
