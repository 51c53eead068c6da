"""The llama.cpp back end: GGUF models on the CPU and on whatever GPU the installed build can use."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ContextTooLong, Refused
from engine.events import Event, Finished, Notice, PromptRead, Token
from engine.pace import Pace
from engine.process.peak import peak_resident_bytes
from engine.runtime.backends.llama import loading
from engine.runtime.backends.llama.model import Model, Prompt
from engine.runtime.backends.llama.sampler import Sampler
from engine.runtime.backends.stream import TextStream
from engine.runtime.backends.thinking import ThinkingSplitter
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.results import FinishReason, Usage


class LlamaCpp:
    """One GGUF model, in this process."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._model: Model | None = None

    def load(self, path: Path, options: LoadOptions) -> Iterator[Event]:
        self._model, loaded = yield from loading.load(path, options, self._stop)
        yield Finished(loaded)

    def generate(
        self, messages: Sequence[Mapping[str, Any]], sampling: Sampling, *, continue_last: bool = False
    ) -> Iterator[Event]:
        asked_s = time.perf_counter()
        model = self._model
        if model is None:
            raise Refused("No model is loaded.", "Load a model, then ask again.")
        prompt = model.prompt(messages, continue_last=continue_last)
        if len(prompt.tokens) >= model.context_tokens:
            raise ContextTooLong(len(prompt.tokens), model.context_tokens)
        read = yield from self._read(model, prompt)
        answer = _Answer(model, prompt, sampling)
        yield from answer.events()
        yield Finished(answer.usage(read, asked_s))

    def unload(self) -> Iterator[Event]:
        if self._model is not None:
            model, self._model = self._model, None
            model.close()
        return iter(())

    def _read(self, model: Model, prompt: Prompt) -> Generator[Event, None, PromptRead]:
        """Compute the part of the prompt that is new."""
        started_s = time.perf_counter()
        total = len(prompt.tokens)
        reused = model.cache.reuse(prompt.tokens)
        model.transcript.begin(prompt.text, prompt.tokens)
        pace = Pace("prompt", total, "tokens", already_done=reused)
        yield pace.at(reused)
        with model.cancellable(self._stop):
            for start in range(reused, total, model.batch_tokens):
                batch = prompt.tokens[start : start + model.batch_tokens]
                model.read(batch)
                yield pace.at(start + len(batch))
        read = PromptRead(total, reused, time.perf_counter() - started_s)
        yield read
        return read


class _Answer:
    """One answer: token after token until something ends it."""

    def __init__(self, model: Model, prompt: Prompt, sampling: Sampling) -> None:
        self._model = model
        self._prompt = prompt
        self._sampling = sampling
        self._seed = sampling.seed if sampling.seed >= 0 else secrets.randbits(31)
        self._stream = TextStream((*sampling.stop, *model.stops))
        self._splitter = ThinkingSplitter(model.template.tags, is_open=prompt.thinking_is_open)
        self._unshown: list[int] = []
        self._count = 0
        self._sampled = 0
        self._first_s = self._last_s = 0.0
        self._reason: FinishReason = "stop"

    def events(self) -> Iterator[Event]:
        model = self._model
        with Sampler(self._sampling, self._seed, model.vocabulary.size, self._prompt.tokens) as sampler:
            while True:
                token = self._next(sampler)
                if model.vocabulary.ends(token):
                    break
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

    def _next(self, sampler: Sampler) -> int:
        token = sampler.sample(self._model.context)
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
            yield Token(text, part, tuple(self._unshown))
            self._unshown.clear()

    def _rest(self) -> Iterator[Event]:
        """Show what was held back."""
        yield from self._show(self._splitter.feed(self._stream.finish()))
        yield from self._show(self._splitter.finish())
        if self._unshown:  # tokens without a text of their own
            yield Token("", "answer", tuple(self._unshown))
        if self._reason == "context":
            limit = f"{self._model.context_tokens:,}"
            text = f"The context of {limit} tokens is full, and the answer breaks off here. Load a larger context."
            yield Notice(text, "warning")
