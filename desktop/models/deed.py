"""What one press of the button does about an offer, as things stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from engine.catalog.offers import Offer
from engine.formats import Family
from engine.quantities import size


@dataclass(frozen=True, slots=True)
class Deed:
    """``path`` is what lies in the library already."""

    do: Literal["get", "get and convert", "chat", "convert", "look", "wait", "nothing"]
    label: str
    path: Path | None = None


def deed_for(offer: Offer, here: Path | None, under_way: bool) -> Deed:
    """Return what can be done now; ``here`` is where its files lie, ``under_way`` whether they are being fetched."""
    if here:
        return _deed_here(offer, here)
    if under_way:
        return Deed("wait", "On its way: see the downloads")
    if offer.variant.problem:
        return Deed("nothing", "It cannot be used")
    amount = size(offer.variant.size_bytes)
    if offer.made_here:
        return Deed("get and convert", f"Get the original ({amount}) and convert")
    return Deed("get", f"Get it ({amount})" if offer.works or offer.fit is None else f"Get it anyway ({amount})")


def _deed_here(offer: Offer, here: Path) -> Deed:
    if offer.made_here and offer.fit:
        return Deed("convert", f"Convert to {offer.fit.format.label}", here)
    if offer.variant.family is Family.GGUF:
        return Deed("chat", "Chat with it", here)
    return Deed("look", "In your library: see what fits", here)
