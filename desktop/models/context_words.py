"""What fills the context window, in words."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.language import QT_TR_NOOP, tr
from desktop.models.estimate_words import corrected_from_words
from desktop.quantities import number, size
from engine.chat.context import Enlargement, Filling
from engine.chat.enlarging import CacheCost
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
        Share(tr("System prompt"), filling.system, "compute"),
        Share(tr("History"), sum(filling.turns) - question, "weights"),
        Share(tr("Your question"), question, "kv_cache"),
        Share(tr("Template"), filling.template, "runtime"),
        Share(tr("Room for the answer"), filling.answer_room, "accent_soft"),
        Share(tr("Free"), max(filling.free, 0), "sunken"),
    )
    return tuple(part for part in parts if part.tokens)


_GUESSED = QT_TR_NOOP(
    "About {used} of {window} tokens are in use, guessed from the length: this server does not count."
)


def filling_words(filling: Filling) -> str:
    """Say how full the window is: “52 of 1,024 tokens are in use.”"""
    words = tr("{used} of {window} tokens are in use.") if filling.exact else tr(_GUESSED)
    used = words.format(used=number(filling.used), window=number(filling.window))
    if filling.free >= 0:
        return used
    beyond = tr("With room for an answer that is {tokens} too many.").format(tokens=number(-filling.free))
    return f"{used} {beyond}"


def enlargement_words(offer: Enlargement | None) -> str:
    """Say what a larger window costs, or that there is none."""
    if offer is None:
        return tr("This model has no larger context, or its server decides on it.")
    if offer.fits:
        words = tr("A context of {tokens} tokens takes about {size} more memory. The model is loaded again for it.")
    else:
        words = tr("A context of {tokens} tokens takes about {size} more memory, which is not free now.")
    found = words.format(tokens=number(offer.context_tokens), size=size(offer.extra_bytes))
    return " ".join(filter(None, [found, corrected_from_words(offer.corrected_from)]))


def own_words(own_tokens: int, usual_tokens: int) -> str:
    """Say that a conversation has a context of its own; nothing where it has none."""
    if not own_tokens:
        return ""
    return tr(
        "This conversation has a context of its own: {own_tokens} tokens. Your settings have {usual_tokens}."
    ).format(own_tokens=number(own_tokens), usual_tokens=number(usual_tokens))


def narrowed_words(own_tokens: int, usual_tokens: int) -> str:
    """Say that the settings' context is loaded in place of a conversation's own."""
    return tr(
        "This conversation's context of {own} tokens does not fit the memory that is free now. The model is "
        "loaded with {usual}."
    ).format(own=number(own_tokens), usual=number(usual_tokens))


def cache_words(cost: CacheCost, now: CacheCost | None) -> str:
    """Say what a way to keep the context takes: “8 bits (Q8_0) · 67 MB, 45 MB less”."""
    setting = TABLE["cache_type"]
    name = dict(zip(setting.choices, setting.words, strict=True))[cost.cache_type]
    return f"{name} · {_compared(cost.bytes, cost.bytes - now.bytes if now else 0)}"


def flash_words(with_it: CacheCost | None, without: CacheCost | None) -> str:
    """Say what flash attention saves, or that it cannot be done without."""
    title = TABLE["flash_attention"].title
    if with_it is None:
        return title
    if without is None:
        return tr("{title}: fewer than 16 bits need it").format(title=title)
    return tr("{title}: without it {size}").format(
        title=title, size=_compared(without.bytes, without.bytes - with_it.bytes)
    )


def _compared(count_bytes: int, more_bytes: int) -> str:
    if not more_bytes:
        return size(count_bytes)
    words = tr("{size}, {difference} more") if more_bytes > 0 else tr("{size}, {difference} less")
    return words.format(size=size(count_bytes), difference=size(abs(more_bytes)))
