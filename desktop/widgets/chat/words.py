"""What an answer took and how it ended, in words."""

from __future__ import annotations

from desktop.language import QT_TR_NOOP, tr
from desktop.quantities import duration, number
from engine.chat.conversation import Ending
from engine.runtime.results import Usage

ENDINGS: dict[Ending, str] = {
    "length": QT_TR_NOOP("The longest answer was reached"),
    "context": QT_TR_NOOP("The context is full"),
    "cancelled": QT_TR_NOOP("Stopped by you"),
    "failed": QT_TR_NOOP("Broken off by an error"),
    "interrupted": QT_TR_NOOP("Broken off when Halfbyte ended"),
}


def seconds(span_s: float) -> str:
    """Return a short time with the digits that matter: 0.35 s, 4.2 s, 1 min 5 s."""
    if span_s < 1:
        return tr("{seconds} s").format(seconds=number(span_s, 2))
    return tr("{seconds} s").format(seconds=number(span_s, 1)) if span_s < 60 else duration(span_s)


def rate(tokens_s: float) -> str:
    return tr("{rate} tokens/s").format(rate=number(tokens_s, 1 if tokens_s < 10 else 0))


def count(tokens: int) -> str:
    return tr("%Ln token(s)", "", tokens)


def usage_words(usage: Usage) -> str:
    """Return “23 tokens/s · 512 tokens · first token 0.40 s · 300 of 420 prompt tokens reused”."""
    parts = [rate(usage.decode_tokens_s)] if usage.decode_tokens_s else []
    parts += [
        count(usage.answer_tokens),
        tr("first token {time}").format(time=seconds(usage.first_token_s)),
    ]
    if usage.reused_tokens:
        parts.append(reused_words(usage.reused_tokens, usage.prompt_tokens))
    return " · ".join(parts)


def reused_words(reused: int, total: int) -> str:
    """Say how much of a prompt the model had read before."""
    return tr("{reused} of {total} prompt tokens reused").format(reused=number(reused), total=number(total))


def footer_words(ending: Ending, usage: Usage | None) -> str:
    parts = [tr(ENDINGS.get(ending, "")), usage_words(usage) if usage else ""]
    return " · ".join(part for part in parts if part)


def thinking_words(span_s: float | None, going_on: bool) -> str:
    if going_on:
        return tr("Thinking… {time}").format(time=seconds(span_s or 0))
    return tr("Thoughts") if span_s is None else tr("Thought for {time}").format(time=seconds(span_s))


def gauge_words(used: int, window: int) -> str:
    return tr("{used} of %Ln token(s)", "", window).format(used=number(used))
