"""What fills the context window, in words."""

from __future__ import annotations

from dataclasses import dataclass

from engine.chat.context import Enlargement, Filling
from engine.chat.enlarging import CacheCost
from engine.quantities import size
from engine.settings import TABLE


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


def own_words(own_tokens: int, usual_tokens: int) -> str:
    """Say that a conversation has a context of its own; nothing where it has none."""
    if not own_tokens:
        return ""
    return f"This conversation has a context of its own: {own_tokens:,} tokens. Your settings have {usual_tokens:,}."


def cache_words(cost: CacheCost, now: CacheCost | None) -> str:
    """Say what a way to keep the context takes: “8 bits (Q8_0) · 67 MB, 45 MB less”."""
    setting = TABLE["cache_type"]
    name = dict(zip(setting.choices, setting.words, strict=True))[cost.cache_type]
    return f"{name} · {size(cost.bytes)}{_compared(cost.bytes - now.bytes) if now else ''}"


def flash_words(with_it: CacheCost | None, without: CacheCost | None) -> str:
    """Say what flash attention saves, or that it cannot be done without."""
    title = TABLE["flash_attention"].title
    if with_it is None:
        return title
    if without is None:
        return f"{title}: fewer than 16 bits need it"
    return f"{title}: without it {size(without.bytes)}{_compared(without.bytes - with_it.bytes)}"


def _compared(more_bytes: int) -> str:
    if not more_bytes:
        return ""
    return f", {size(abs(more_bytes))} {'more' if more_bytes > 0 else 'less'}"
