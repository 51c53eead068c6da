"""A variant of a repository and how it would run here."""

from __future__ import annotations

from dataclasses import dataclass

from engine.catalog.hub.variants import Variant
from engine.recommend.fit import Fit


@dataclass(frozen=True, slots=True)
class Offer:
    """``fit`` is ``None`` where the variant's headers could not be read."""

    variant: Variant
    fit: Fit | None
