"""What an answer took and how it ended, in words."""

from __future__ import annotations

from engine.chat.conversation import Ending
from engine.quantities import duration
from engine.runtime.results import Usage

ENDINGS: dict[Ending, str] = {
    "length": "The longest answer was reached",
    "context": "The context is full",
    "cancelled": "Stopped by you",
    "failed": "Broken off by an error",
    "interrupted": "Broken off when Halfbyte ended",
}


def seconds(span_s: float) -> str:
    """Return a short time with the digits that matter: 0.35 s, 4.2 s, 1 min 5 s."""
    if span_s < 1:
        return f"{span_s:.2f} s"
    return f"{span_s:.1f} s" if span_s < 60 else duration(span_s)


def rate(tokens_s: float) -> str:
    return f"{tokens_s:.1f} tokens/s" if tokens_s < 10 else f"{tokens_s:.0f} tokens/s"


def count(tokens: int) -> str:
    return f"{tokens:,} token" if tokens == 1 else f"{tokens:,} tokens"


def usage_words(usage: Usage) -> str:
    """Return “23 tokens/s · 512 tokens · first token 0.40 s · 300 of 420 prompt tokens reused”."""
    parts = [rate(usage.decode_tokens_s)] if usage.decode_tokens_s else []
    parts += [count(usage.answer_tokens), f"first token {seconds(usage.first_token_s)}"]
    if usage.reused_tokens:
        parts.append(f"{usage.reused_tokens:,} of {usage.prompt_tokens:,} prompt tokens reused")
    return " · ".join(parts)


def footer_words(ending: Ending, usage: Usage | None) -> str:
    parts = [ENDINGS.get(ending, ""), usage_words(usage) if usage else ""]
    return " · ".join(part for part in parts if part)


def thinking_words(span_s: float | None, going_on: bool) -> str:
    if going_on:
        return f"Thinking… {seconds(span_s or 0)}"
    return "Thoughts" if span_s is None else f"Thought for {seconds(span_s)}"


def gauge_words(used: int, window: int) -> str:
    return f"{used:,} of {count(window)}"
