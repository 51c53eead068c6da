"""One answer of a loaded model, the same for every back end: read the prompt, then token after token."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from engine.events import Event, Notice, Odds, PromptRead, Token
from engine.pace import Pace
from engine.process.peak import peak_resident_bytes
from engine.runtime.backends.stream import TextStream
from engine.runtime.backends.template import ChatTemplate
from engine.runtime.backends.thinking import ThinkingSplitter
from engine.runtime.options import Sampling
from engine.runtime.results import FinishReason, Usage


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model gets it. ``thinking_is_open``: it ends with the tag that opens the thinking part."""

    text: str
    tokens: list[int]
    thinking_is_open: bool


class Pieces(Protocol):
    """What an answer asks of a vocabulary."""

    size: int

    def ends(self, token: int) -> bool: ...

    def piece(self, token: int) -> bytes: ...


class Remembered(Protocol):
    """What an answer asks of a KV cache: its tokens, and how many of a prompt's are there already."""

    tokens: list[int]

    def reuse(self, prompt: Sequence[int]) -> int: ...


class Said(Protocol):
    """What an answer asks of a transcript."""

    def begin(self, text: str, tokens: Sequence[int]) -> None: ...

    def add(self, token: int, piece: bytes) -> None: ...


class Answering(Protocol):
    """What an answer asks of a model."""

    context_tokens: int
    batch_tokens: int
    template: ChatTemplate

    @property
    def stops(self) -> tuple[str, ...]: ...

    @property
    def vocabulary(self) -> Pieces: ...

    @property
    def cache(self) -> Remembered: ...

    @property
    def transcript(self) -> Said: ...

    def read(self, tokens: Sequence[int]) -> None: ...

    def follow(self, token: int) -> None: ...

    def cancellable(self, stop: threading.Event) -> AbstractContextManager[None]: ...


class Samples(Protocol):
    """Choose the next token of the model that it was made for."""

    def sample(self) -> int: ...


@runtime_checkable
class Telling(Protocol):
    """What a sampler may do besides: tell how likely a token was among the ``count`` likeliest."""

    def odds(self, token: int, count: int) -> Odds: ...


@runtime_checkable
class Holding(Protocol):
    """What a sampler may do besides: hold an answer to a form, from here on."""

    def answer_begins(self) -> None: ...


MakeSampler = Callable[[Sampling, int, Sequence[int]], AbstractContextManager[Samples]]


def read_prompt(model: Answering, prompt: Prompt, stop: threading.Event) -> Generator[Event, None, PromptRead]:
    """Compute the part of the prompt that is new."""
    started_s = time.perf_counter()
    total = len(prompt.tokens)
    reused = model.cache.reuse(prompt.tokens)
    model.transcript.begin(prompt.text, prompt.tokens)
    pace = Pace("prompt", total, "tokens", already_done=reused)
    yield pace.at(reused)
    with model.cancellable(stop):
        for start in range(reused, total, model.batch_tokens):
            batch = prompt.tokens[start : start + model.batch_tokens]
            model.read(batch)
            yield pace.at(start + len(batch))
    read = PromptRead(total, reused, time.perf_counter() - started_s)
    yield read
    return read


class Answer:
    """One answer: token after token until something ends it.

    ``make_sampler`` gets the sampling, the seed in force and the prompt's tokens.
    """

    def __init__(self, model: Answering, prompt: Prompt, sampling: Sampling, make_sampler: MakeSampler) -> None:
        self._model = model
        self._prompt = prompt
        self._sampling = sampling
        self._make_sampler = make_sampler
        self._seed = sampling.seed if sampling.seed >= 0 else secrets.randbits(31)
        self._stream = TextStream((*sampling.stop, *model.stops))
        self._splitter = ThinkingSplitter(model.template.tags, is_open=prompt.thinking_is_open)
        self._unshown: list[int] = []
        self._odds: list[Odds] = []
        self._count = 0
        self._sampled = 0
        self._first_s = self._last_s = 0.0
        self._reason: FinishReason = "stop"

    def events(self) -> Iterator[Event]:
        model = self._model
        with self._make_sampler(self._sampling, self._seed, self._prompt.tokens) as sampler:
            holding = sampler if isinstance(sampler, Holding) and self._has_form else None
            telling = sampler if isinstance(sampler, Telling) and self._sampling.logprobs else None
            while True:
                if holding and self._splitter.awaits_answer:
                    holding.answer_begins()
                token = self._next(sampler)
                if model.vocabulary.ends(token):
                    break
                if telling:
                    self._odds.append(telling.odds(token, self._sampling.logprobs))
                piece = model.vocabulary.piece(token)
                model.transcript.add(token, piece)
                self._count += 1
                self._unshown.append(token)
                yield from self._show(self._splitter.feed(self._stream.feed(piece)))
                if self._is_over():
                    break
                model.follow(token)
        yield from self._rest()

    def usage(self, read: PromptRead, asked_s: float) -> Usage:
        new_tokens = read.prompt_tokens - read.reused_tokens
        decode_s = self._last_s - self._first_s
        return Usage(
            prompt_tokens=read.prompt_tokens,
            reused_tokens=read.reused_tokens,
            answer_tokens=self._count,
            first_token_s=self._first_s - asked_s,
            prompt_tokens_s=new_tokens / read.seconds if read.seconds else 0.0,
            decode_tokens_s=(self._sampled - 1) / decode_s if decode_s > 0 else 0.0,
            peak_memory_bytes=peak_resident_bytes(),
            finish_reason=self._reason,
            seed=self._seed,
        )

    @property
    def _has_form(self) -> bool:
        return bool(self._sampling.json_schema or self._sampling.grammar)

    def _next(self, sampler: Samples) -> int:
        token = sampler.sample()
        self._last_s = time.perf_counter()
        self._first_s = self._first_s or self._last_s
        self._sampled += 1
        return token

    def _is_over(self) -> bool:
        if self._stream.stopped:
            self._reason = "stop"
        elif self._count == self._sampling.max_tokens:
            self._reason = "length"
        elif len(self._model.cache.tokens) >= self._model.context_tokens:
            self._reason = "context"
        else:
            return False
        return True

    def _show(self, parts: Iterator[tuple[Any, str]]) -> Iterator[Event]:
        for part, text in parts:
            yield Token(text, part, tuple(self._unshown), tuple(self._odds))
            self._unshown.clear()
            self._odds.clear()

    def _rest(self) -> Iterator[Event]:
        """Show what was held back."""
        yield from self._show(self._splitter.feed(self._stream.finish()))
        yield from self._show(self._splitter.finish())
        if self._unshown:  # tokens without a text of their own
            yield Token("", "answer", tuple(self._unshown), tuple(self._odds))
        if self._reason == "context":
            limit = f"{self._model.context_tokens:,}"
            text = f"The context of {limit} tokens is full, and the answer breaks off here. Load a larger context."
            yield Notice(text, "warning")
