"""Text for calibrating, as a model reads it: tokens packed into samples of one length, nothing left out or cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import Refused
from engine.texts import texts_sha256

PASSAGE_CHARACTERS = 1_200  # about 300 tokens: a question or an answer
LEAST_SAMPLES, LEAST_TOKENS = 4, 64


@dataclass(frozen=True, slots=True)
class Samples:
    """``tokens``: samples of one length; ``sha256`` is of the texts, ``templated`` tells if some are conversations."""

    tokens: tuple[tuple[int, ...], ...]
    sha256: str
    templated: bool

    @property
    def record(self) -> dict[str, Any]:
        """Return what a result's record tells of them."""
        return {
            "samples": len(self.tokens),
            "sample_tokens": len(self.tokens[0]) if self.tokens else 0,
            "texts_sha256": self.sha256,
            "templated": self.templated,
        }


def samples(texts: Sequence[str], tokenizer: Any, count: int, length: int) -> Samples:
    """Return at most ``count`` samples of ``length`` tokens, taken evenly from all texts.

    Texts are one stream of whole tokens, cut only where a sample is full. For a model with a chat template every second
    pair of passages is a conversation, as it will be asked later. Where there is too little text for one sample of that
    length, samples are shorter.
    """
    templated = bool(getattr(tokenizer, "chat_template", None))
    streams = [_stream(text, tokenizer, templated) for text in texts if text.strip()]
    stream = [token for tokens in streams for token in tokens]
    length = max(1, min(length, len(stream) // LEAST_SAMPLES))
    starts = range(0, len(stream) - length + 1, length)
    step = max(1.0, len(starts) / count)
    chosen = [starts[int(number * step)] for number in range(min(count, len(starts)))]
    found = tuple(tuple(stream[start : start + length]) for start in chosen)
    return Samples(found, texts_sha256(texts), templated)


def shortage(found: Samples, count: int, length: int) -> str:
    """Say what texts gave less than was asked for; empty if they gave it.

    Raises :class:`Refused` for so little that nothing could be learnt.
    """
    given, tokens = len(found.tokens), len(found.tokens[0]) if found.tokens else 0
    if given * tokens < LEAST_TOKENS:
        raise Refused(f"The texts give {given * tokens} tokens to calibrate on.", "Choose longer ones, of some pages.")
    if (given, tokens) == (count, length):
        return ""
    return (
        f"The texts give {given} samples of {tokens} tokens, where {count} of {length} were asked for. "
        "With longer texts the result comes nearer to the original."
    )


def _stream(text: str, tokenizer: Any, templated: bool) -> list[int]:
    if not templated:
        return list(tokenizer(text)["input_ids"])
    passages = _passages(text)
    tokens: list[int] = []
    for number in range(0, len(passages), 2):
        pair = passages[number : number + 2]
        if number % 4 == 0 and len(pair) == 2:
            turns = [{"role": role, "content": said} for role, said in zip(("user", "assistant"), pair, strict=True)]
            words = tokenizer.apply_chat_template(turns, tokenize=False)
            tokens += tokenizer(words, add_special_tokens=False)["input_ids"]
        else:
            tokens += tokenizer("\n\n".join(pair), add_special_tokens=False)["input_ids"]
    return tokens


def _passages(text: str) -> list[str]:
    """Return a text in passages of whole paragraphs."""
    passages, current = [], ""
    for paragraph in text.split("\n\n"):
        if current and len(current) + len(paragraph) > PASSAGE_CHARACTERS:
            passages.append(current)
            current = ""
        current = f"{current}\n\n{paragraph}" if current else paragraph
    return [*passages, current] if current.strip() else passages
