"""How a person reaches a page by keyboard."""

from __future__ import annotations

from desktop.window import PLACES


def key_of(place: str) -> str:
    """Return the keys that lead to a page, in xdotool's names: ``ctrl+2``."""
    return f"ctrl+{([each.name for each in PLACES].index(place) + 1) % 10}"
