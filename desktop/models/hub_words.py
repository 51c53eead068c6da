"""How the Hub is reached and who one is there, in words."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from desktop.language import tr
from engine.catalog.find import LookedUp
from engine.catalog.hub.account import Kept
from engine.catalog.hub.surroundings import Surroundings
from engine.catalog.relatives import original_name
from engine.catalog.tokens import ACCOUNT, SERVICE, Source


def kept_under() -> str:
    """Return where in the keyring the token lies."""
    return tr("“{service}”, account “{account}”").format(service=SERVICE, account=ACCOUNT)


def surroundings_words(found: Surroundings) -> tuple[tuple[str, str], ...]:
    """Return where the Hub is and what the environment says about it, as pairs."""
    return tuple(_surroundings(found))


def _surroundings(found: Surroundings) -> Iterator[tuple[str, str]]:
    mirror = tr("{address} (set by HF_ENDPOINT)").format(address=found.endpoint)
    yield tr("Address"), mirror if found.is_mirror else found.endpoint
    if found.offline:
        yield tr("Network"), tr("Off: HF_HUB_OFFLINE is set. Unset it and start Halfbyte again to search and download.")
    if found.proxies:
        yield tr("Proxy"), ", ".join(found.proxies)
    yield tr("Token"), found.complaint or token_words(found.token)


def token_words(source: Source) -> str:
    """Return where the token in use is kept."""
    if source is Source.KEYRING:
        place = tr("It lies there under {place}.").format(place=kept_under())
        return f"{source.words} {place}"
    return source.words


def kept_words(kept: Kept) -> str:
    """Return what became of a token that was entered."""
    owner = tr("The token belongs to {name}.").format(name=kept.name)
    return f"{owner} {token_words(kept.source)}"


def host_of(address: str) -> str:
    return urlsplit(address).hostname or address


def model_words(found: LookedUp) -> tuple[tuple[str, str], ...]:
    """Return what the Hub says of a model, as pairs."""
    return tuple(_model(found))


def _model(found: LookedUp) -> Iterator[tuple[str, str]]:
    model = found.model
    yield tr("Licence"), model.licence or tr("none named")
    yield tr("Revision"), tr("{commit}, pinned: what you see is what is fetched").format(commit=model.commit[:12])
    if model.gated:
        by_hand = model.gated == "manual"
        asked = tr("needed: its publisher looks at each request") if by_hand else tr("needed: at once, after you agree")
        yield tr("Permission"), asked
    if (original := original_name(model)) != model.name:
        yield tr("Made from"), original
    elif model.base_models:
        yield tr("Based on"), ", ".join(model.base_models)
