"""The llama.cpp back end: GGUF models on the CPU and on whatever GPU the installed build can use."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from engine.errors import ContextTooLong, Refused
from engine.events import Event, Finished
from engine.runtime.backends.answer import Answer, read_prompt
from engine.runtime.backends.llama import loading
from engine.runtime.backends.llama.grammar import grammar_of
from engine.runtime.backends.llama.model import Model
from engine.runtime.backends.llama.sampler import Sampler
from engine.runtime.options import LoadOptions, Sampling


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
        form = grammar_of(sampling, model.vocabulary.handle)
        if form and continue_last:
            reason = "An answer that follows a schema or grammar cannot be continued in the middle."
            raise Refused(reason, "Ask for another answer, and allow it to become longer.")
        prompt = model.prompt(messages, continue_last=continue_last)
        if len(prompt.tokens) >= model.context_tokens:
            raise ContextTooLong(len(prompt.tokens), model.context_tokens)
        model.prepare(prompt)
        read = yield from read_prompt(model, prompt, self._stop)
        answer = Answer(model, prompt, sampling, partial(Sampler, model, form=form))
        yield from answer.events()
        usage = answer.usage(read, asked_s)
        if ahead := model.ahead:
            usage = replace(usage, guessed_tokens=ahead.guessed, accepted_tokens=ahead.accepted)
        yield Finished(usage)

    def count(self, messages: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> tuple[int, list[int]]:
        if self._model is None:
            raise Refused("No model is loaded.", "Load a model, then ask again.")
        model, vocabulary = self._model, self._model.vocabulary
        parts = [len(vocabulary.following_tokens(vocabulary.shielded(text))) for text in texts]
        return len(model.prompt(messages, continue_last=False).tokens), parts

    def keep(self, file: Path) -> bool:
        return self._model is not None and self._model.keep(file)

    def recall(self, file: Path) -> bool:
        return self._model is not None and self._model.recall(file)

    def unload(self) -> Iterator[Event]:
        if self._model is not None:
            model, self._model = self._model, None
            model.close()
        return iter(())
