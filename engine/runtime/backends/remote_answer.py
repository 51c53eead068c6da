"""One answer of a server: its chunks become the events of any other back end, and its numbers are believed if sound."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from engine.events import Event, Notice, Odds, Progress, PromptRead, Token
from engine.process.peak import peak_resident_bytes
from engine.runtime.backends.remote_stream import Chunk
from engine.runtime.backends.stream import TextStream
from engine.runtime.backends.thinking import Part, ThinkingSplitter, tags_of
from engine.runtime.options import Sampling
from engine.runtime.results import FinishReason, Usage

FASTEST_TOKENS_S = 10_000.0  # what comes faster was held back on its way: a proxy sent it in one piece
INLINE_TAGS = tags_of("<think></think>")  # what most models write where a server does not part thinking from answer


class RemoteAnswer:
    """Takes chunks in and gives events out. ``reason`` is the server's word for why it ended, empty before that.

    Stop strings are looked for here as well, because not every server does: ``stopped`` once one came. ``goes_on``: it
    goes on with words of an answer, so that nothing of it is thinking, which vLLM's parsers begin with.
    """

    def __init__(self, sampling: Sampling, seed: int, *, goes_on: bool = False) -> None:
        self.reason = ""
        self._sampling = sampling
        self._seed = seed
        self._goes_on = goes_on
        self._stream = TextStream(sampling.stop)
        self._splitter = ThinkingSplitter(INLINE_TAGS)
        self._around = _Around()
        self._asked_s = time.perf_counter()
        self._first_s = self._last_s = 0.0
        self._pieces = 0
        self._odds: list[Odds] = []  # of what is not shown yet
        self._read: tuple[int, int] | None = None  # tokens of the prompt, and those of them that were cached
        self._told: Mapping[str, Any] = {}
        self._timings: Mapping[str, Any] = {}

    @property
    def stopped(self) -> bool:
        return self._stream.stopped

    def take(self, chunk: Chunk) -> Iterator[Event]:
        if chunk.read:
            total, cached, processed = chunk.read
            self._read = total, cached
            yield Progress("prompt", processed, total, "tokens")
        if chunk.thinking or chunk.answer:
            yield from self._begin()
            self._pieces += 1
        self._odds += chunk.odds
        if chunk.thinking and self._goes_on:
            yield self._token(chunk.thinking, "answer")
        elif thought := self._around.thought(chunk.thinking):
            yield self._token(thought, "thinking")
        if answer := self._around.answer(chunk.answer):
            yield from self._split(self._stream.feed(answer.encode("utf-8", "replace")))
        if chunk.finish_reason and not self._first_s:  # an answer without a word
            self._first_s = self._last_s = time.perf_counter()
        self.reason = chunk.finish_reason or self.reason
        self._told = chunk.usage or self._told
        self._timings = chunk.timings or self._timings

    def rest(self) -> Iterator[Event]:
        """Show what was held back, and say what a person should know of the end."""
        yield from self._split(self._stream.finish())
        for part, text in self._splitter.finish():
            yield self._token(text, part)
        if self.reason == "content_filter":
            yield Notice("The server's filter ended this answer.", "warning")
        if self._finish_reason() == "context":
            yield Notice("The server ended the answer here: its context or its limit is reached.", "warning")

    def usage(self) -> Usage:
        """Return the server's own counts and times where it gives them, else what was seen from here."""
        decode_s = self._last_s - self._first_s
        prompt, cached = self._read or (0, 0)
        tokens = self._answer_tokens()
        return Usage(
            prompt_tokens=_count(self._told.get("prompt_tokens"), prompt),
            reused_tokens=self._cached(cached),
            answer_tokens=tokens,
            first_token_s=max(0.0, self._first_s - self._asked_s),
            prompt_tokens_s=_rate(self._timings.get("prompt_per_second")),
            decode_tokens_s=_rate(self._timings.get("predicted_per_second")) or _seen_rate(tokens, decode_s),
            peak_memory_bytes=peak_resident_bytes(),
            finish_reason=self._finish_reason(),
            seed=self._seed,
        )

    def _begin(self) -> Iterator[Event]:
        self._last_s = time.perf_counter()
        if not self._first_s:
            self._first_s = self._last_s
            if self._read:
                yield PromptRead(*self._read, self._first_s - self._asked_s)

    def _split(self, text: str) -> Iterator[Event]:
        for part, shown in self._splitter.feed(text):
            yield self._token(shown, part)

    def _token(self, text: str, part: Part) -> Token:
        odds, self._odds = tuple(self._odds), []
        return Token(text, part, (), odds)

    def _answer_tokens(self) -> int:
        return _count(self._told.get("completion_tokens"), self._pieces)

    def _cached(self, otherwise: int) -> int:
        details = self._told.get("prompt_tokens_details")
        told = details.get("cached_tokens") if isinstance(details, Mapping) else None
        return _count(told, otherwise)

    def _finish_reason(self) -> FinishReason:
        if self.stopped or self.reason != "length":
            return "stop"
        longest = self._sampling.max_tokens
        return "length" if longest and self._answer_tokens() >= longest else "context"


class _Around:
    """Leaves out the white space around thinking that the server parts, as is done with what is parted here."""

    def __init__(self) -> None:
        self._begun = False
        self._held = ""  # white space that more thinking may follow
        self._answers = True

    def thought(self, piece: str) -> str:
        text = self._held + piece
        if not self._begun:
            text = text.lstrip()
        shown = text.rstrip()
        self._held = text[len(shown) :]
        self._begun = self._begun or bool(shown)
        self._answers = self._answers and not piece
        return shown

    def answer(self, piece: str) -> str:
        shown = piece if self._answers else piece.lstrip()
        self._answers = self._answers or bool(shown)
        return shown


def _count(told: Any, otherwise: int) -> int:
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else otherwise


def _seen_rate(tokens: int, decode_s: float) -> float:
    """Return the rate at which tokens came here; 0 where they came together."""
    rate = (tokens - 1) / decode_s if decode_s > 0 and tokens > 1 else 0.0
    return rate if rate < FASTEST_TOKENS_S else 0.0


def _rate(told: Any) -> float:
    return float(told) if isinstance(told, int | float) and 0 < told < 1e7 else 0.0
