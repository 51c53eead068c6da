"""What can be had of a model, each thing with how it would run here, the best first.

A thing is a ready-made file or folder of a repository, or a GGUF level that is made here of its safetensors.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.catalog.hub.values import RemoteModel
from engine.catalog.hub.variants import Variant, level_of
from engine.formats import Family
from engine.machine.facts import Machine
from engine.recommend.corrections import NO_CORRECTIONS, Corrections
from engine.recommend.fit import Fit
from engine.recommend.rules import recommend, standing


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant of a repository and how it would run here: as it is, or (``made_here``) in the format of ``fit``.

    ``fit`` is ``None`` where the variant's headers are not read or could not be.
    """

    model: RemoteModel
    variant: Variant
    fit: Fit | None = None
    made_here: bool = False

    @property
    def works(self) -> bool:
        """Whether it would run here without installing anything first."""
        return bool(self.fit and self.fit.fits and not self.fit.obstacles and not self.variant.problem)

    @property
    def format_id(self) -> str:
        return self.fit.format.id if self.fit else self.variant.format_id

    @property
    def title(self) -> str:
        """What it is called in a list: its format where that is known, and how its publisher calls it otherwise."""
        if self.made_here and self.fit:
            return self.fit.format.label
        if self.variant.family is Family.GGUF or not self.fit:
            return self.variant.title.upper() if level_of(self.variant.title) else self.variant.title
        return self.fit.format.label


def offers_of(
    model: RemoteModel,
    variant: Variant,
    machine: Machine,
    context_tokens: int,
    corrections: Corrections = NO_CORRECTIONS,
) -> tuple[Offer, ...]:
    """Return a variant as it is, and, of plain safetensors, the GGUF levels that can be made of it here."""
    if variant.facts is None:
        return (Offer(model, variant),)
    rows = recommend(variant.facts, machine, context_tokens, corrections=corrections)
    own = next((row for row in rows if row.format.id == variant.facts.format_id), None)
    made = [row for row in rows if row.format.family is Family.GGUF] if variant.family is Family.PLAIN else []
    return (Offer(model, variant, own), *(Offer(model, variant, row, made_here=True) for row in made))


def ranked(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Return the best for this machine first; a level that is ready is not listed as one to be made."""
    every = list(offers)
    ready = {offer.format_id for offer in every if not offer.made_here}
    shown = [offer for offer in every if not (offer.made_here and offer.format_id in ready)]
    return tuple(sorted(shown, key=_merit, reverse=True))


def _merit(offer: Offer) -> tuple[float, ...]:
    """Return how good a choice it is: by the rules of a suggestion, then what is here sooner."""
    if offer.fit is None or not offer.fit.fits or offer.variant.problem:
        return (0.0, -float(offer.variant.size_bytes))
    return (1.0, *standing(offer.fit), not offer.made_here, -float(offer.variant.size_bytes))
