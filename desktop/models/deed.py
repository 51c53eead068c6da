"""What one press of the button does about an offer, as things stand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from desktop.language import tr
from desktop.quantities import size
from engine.catalog.offers import Offer
from engine.formats import Family


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
        return Deed("wait", tr("On its way: see the downloads"))
    if offer.variant.problem:
        return Deed("nothing", tr("It cannot be used"))
    amount = size(offer.variant.size_bytes)
    if offer.made_here:
        return Deed("get and convert", tr("Get the original ({amount}) and convert").format(amount=amount))
    return Deed(
        "get",
        tr("Get it ({amount})").format(amount=amount)
        if offer.works or offer.fit is None
        else tr("Get it anyway ({amount})").format(amount=amount),
    )


def _deed_here(offer: Offer, here: Path) -> Deed:
    if offer.made_here and offer.fit:
        return Deed("convert", tr("Convert to {format}").format(format=offer.fit.format.label), here)
    if offer.variant.family is Family.GGUF:
        return Deed("chat", tr("Chat with it"), here)
    return Deed("look", tr("In your library: see what fits"), here)
