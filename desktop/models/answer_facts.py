"""What is known of an answer, as pairs of a name and words: who made it, how, and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from desktop.language import QT_TR_NOOP, tr
from desktop.models.steering_words import stops_text
from desktop.quantities import number
from engine.catalog.servers.listing import FORMAT_ID
from engine.chat.conversation import Message, Origin
from engine.runtime.results import Usage
from engine.settings import TABLE

_NUMBERS = ("temperature", "top_p", "top_k", "min_p", "repeat_penalty")
_ENDS = {
    "stop": QT_TR_NOOP("The model ended it"),
    "length": QT_TR_NOOP("At the longest allowed answer"),
    "context": QT_TR_NOOP("The context was full"),
    "cancelled": QT_TR_NOOP("You stopped it"),
    "failed": QT_TR_NOOP("By an error"),
    "interrupted": QT_TR_NOOP("Halfbyte ended"),
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
    return tuple((name, words) for name, words in (*facts, (tr("Ended"), tr(_ENDS.get(message.ending, "")))) if words)


def _made_by(origin: Origin) -> Iterator[tuple[str, str]]:
    yield tr("Model"), origin.model
    yield tr("Revision"), origin.revision[:12]
    yield tr("Format"), origin.format_id
    yield tr("Back end"), origin.backend
    tokens = origin.loading.get("context_tokens")
    if tokens and origin.format_id != FORMAT_ID:  # a server has the context that it was started with
        yield tr("Context"), tr("%Ln token(s)", "", tokens)


def _took(usage: Usage) -> Iterator[tuple[str, str]]:
    yield tr("Seed"), str(usage.seed)
    reused = tr("{tokens} tokens, {reused} of them reused").format(
        tokens=number(usage.prompt_tokens), reused=number(usage.reused_tokens)
    )
    yield tr("Prompt"), reused if usage.reused_tokens else tr("%Ln token(s)", "", usage.prompt_tokens)
    yield tr("Answer"), tr("%Ln token(s)", "", usage.answer_tokens)
    yield tr("First token"), tr("after {seconds} s").format(seconds=number(usage.first_token_s, 2))
    yield (
        tr("Speed"),
        tr("{rate} tokens/s").format(rate=number(usage.decode_tokens_s, 1)) if usage.decode_tokens_s else "",
    )
    if usage.guessed_tokens:
        yield (
            tr("Guesses"),
            tr("{accepted} of {guessed} came true").format(
                accepted=number(usage.accepted_tokens), guessed=number(usage.guessed_tokens)
            ),
        )


def _sampled(sampling: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _NUMBERS:
        if name in sampling:
            yield TABLE[name].title, f"{sampling[name]:g}"
    if longest := sampling.get("max_tokens"):
        yield TABLE["max_tokens"].title, tr("%Ln token(s)", "", longest)
    yield tr("Stop strings"), stops_text(sampling.get("stop", ()))
    yield tr("JSON schema"), sampling.get("json_schema", "")
    yield tr("Grammar"), sampling.get("grammar", "")
