"""What is known of an answer, as pairs of a name and words: who made it, how, and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desktop.models.steering_words import stops_text
from engine.chat.conversation import Message, Origin
from engine.runtime.results import Usage
from engine.settings import TABLE

_NUMBERS = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
_ENDS = {
    "stop": "The model ended it",
    "length": "At the longest allowed answer",
    "context": "The context was full",
    "cancelled": "You stopped it",
    "failed": "By an error",
    "interrupted": "Halfbyte ended",
}


def answer_facts(message: Message) -> tuple[tuple[str, str], ...]:
    """Return what the details of an answer list."""
    facts: list[tuple[str, str]] = []
    if message.origin:
        facts += _made_by(message.origin)
    if message.usage:
        facts += _took(message.usage)
    if message.origin:
        facts += _sampled(message.origin.sampling)
    return tuple((name, words) for name, words in (*facts, ("Ended", _ENDS.get(message.ending, ""))) if words)


def _made_by(origin: Origin) -> Iterator[tuple[str, str]]:
    yield "Model", origin.model
    yield "Revision", origin.revision[:12]
    yield "Format", origin.format_id
    yield "Back end", origin.backend
    if tokens := origin.loading.get("context_tokens"):
        yield "Context", f"{tokens:,} tokens"


def _took(usage: Usage) -> Iterator[tuple[str, str]]:
    yield "Seed", str(usage.seed)
    yield "Prompt", f"{usage.prompt_tokens:,} tokens, {usage.reused_tokens:,} of them reused"
    yield "Answer", f"{usage.answer_tokens:,} tokens"
    yield "First token", f"after {usage.first_token_s:.2f} s"
    yield "Speed", f"{usage.decode_tokens_s:.1f} tokens/s" if usage.decode_tokens_s else ""


def _sampled(sampling: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _NUMBERS:
        if name in sampling:
            yield TABLE[name].title, f"{sampling[name]:g}"
    if longest := sampling.get("max_tokens"):
        yield TABLE["max_tokens"].title, f"{longest:,} tokens"
    yield "Stop strings", stops_text(sampling.get("stop", ()))
    yield "JSON schema", sampling.get("json_schema", "")
    yield "Grammar", sampling.get("grammar", "")
