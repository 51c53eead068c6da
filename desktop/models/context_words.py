"""What fills the context window, in words."""

from __future__ import annotations

from dataclasses import dataclass

from engine.chat.context import Enlargement, Filling
from engine.quantities import size


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the window; ``colour`` is named as in :class:`desktop.theme.colours.Colours`."""

    words: str
    tokens: int
    colour: str


def shares(filling: Filling, *, asking: bool) -> tuple[Share, ...]:
    """Return the parts in the order in which the model reads them; ``asking``: the last turn is the next question."""
    question = filling.turns[-1] if asking and filling.turns else 0
    parts = (
        Share("System prompt", filling.system, "compute"),
        Share("History", sum(filling.turns) - question, "weights"),
        Share("Your question", question, "kv_cache"),
        Share("Template", filling.template, "runtime"),
        Share("Room for the answer", filling.answer_room, "accent_soft"),
        Share("Free", max(filling.free, 0), "sunken"),
    )
    return tuple(part for part in parts if part.tokens)


def filling_words(filling: Filling) -> str:
    """Say how full the window is: “52 of 1,024 tokens are in use.”"""
    used = f"{filling.used:,} of {filling.window:,} tokens are in use."
    if filling.free >= 0:
        return used
    return f"{used} With room for an answer that is {-filling.free:,} too many."


def enlargement_words(offer: Enlargement | None) -> str:
    """Say what a larger window costs, or that there is none."""
    if offer is None:
        return "This model has no larger context, or its server decides on it."
    cost = f"A context of {offer.context_tokens:,} tokens takes about {size(offer.extra_bytes)} more memory"
    return f"{cost}. The model is loaded again for it." if offer.fits else f"{cost}, which is not free now."
