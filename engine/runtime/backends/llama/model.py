"""An open model with its context: the native handles, and what is kept beside them between two answers."""

from __future__ import annotations

import ctypes
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.errors import Cancelled
from engine.runtime.backends.answer import Prompt
from engine.runtime.backends.llama import faults, kept, native
from engine.runtime.backends.llama.ahead import Ahead, can_guess
from engine.runtime.backends.llama.cache import KvCache
from engine.runtime.backends.llama.draft import Draft
from engine.runtime.backends.llama.memory import available_bytes
from engine.runtime.backends.llama.prefixes import Prefixes
from engine.runtime.backends.llama.transcript import Transcript
from engine.runtime.backends.llama.vocabulary import Vocabulary
from engine.runtime.backends.prompting import Prompting

_ABORTED = 2  # llama.h, llama_decode
_TRANSCRIPTS = 8  # the last turns, of several conversations and of questions beside them (a title, a summary)
_LAST_LINES = 10  # of the log: what a failed computation says


class Model:
    """A loaded model. Takes the native handles over and frees them in :meth:`close`.

    ``stops`` end an answer besides those that are asked for. ``valid_for`` is what a cache on disk must be made with.
    """

    def __init__(self, model: Any, context: Any, batch_tokens: int, valid_for: str = "", guess_tokens: int = 0) -> None:
        source = (binding.llama_model_chat_template(model, None) or b"").decode("utf-8", "replace")
        self.context = context
        self.context_tokens = binding.llama_n_ctx(context)
        self.batch_tokens = batch_tokens
        self.vocabulary = Vocabulary(model, source)
        self.cache = KvCache(context, binding.llama_model_n_swa(model))
        self.ahead = Ahead(context, self.cache, guess_tokens) if guess_tokens and can_guess(model) else None
        self.prefixes = Prefixes(context, self.cache)
        self._transcripts: deque[Transcript] = deque([Transcript()], maxlen=_TRANSCRIPTS)
        self.prompting = Prompting(self.vocabulary, source, self.vocabulary.bos, self.vocabulary.eos)
        self.template, self.stops = self.prompting.template, self.prompting.stops
        self._model = model
        self._guess_tokens = guess_tokens
        self._valid_for = valid_for
        self._batch = (binding.llama_token * batch_tokens)()

    def prompt(self, messages: Sequence[Mapping[str, Any]], *, continue_last: bool) -> Prompt:
        """Return the prompt for the next answer, with the tokens of the last answer as they were generated."""
        return self.prompting.prompt(messages, self._tokens_of, continue_last=continue_last)

    def _tokens_of(self, text: str) -> list[int]:
        for transcript in sorted(self._transcripts, key=lambda transcript: transcript.length, reverse=True):
            if (tokens := transcript.tokens_of(text, self.vocabulary)) is not None:
                return tokens
        return self.vocabulary.prompt_tokens(text)

    @property
    def transcript(self) -> Transcript:
        """The last turn's."""
        return self._transcripts[-1]

    def prepare(self, prompt: Prompt) -> None:
        """Bring the cache that shares the most with a prompt into use, and begin a new transcript."""
        self._rest()
        self.prefixes.choose(prompt.tokens)
        self._transcripts.append(Transcript())

    def keep(self, file: Path) -> bool:
        """Write the cache to disk; return whether it is there now."""
        self._rest()
        if not self.cache.tokens:
            return False
        return kept.save(self.context, self.cache.tokens, self.transcript.record(), file, self._valid_for)

    def recall(self, file: Path) -> bool:
        """Read a cache from disk if it has what neither the cache nor what lies beside it has; tell whether it did."""
        self._rest()
        found = kept.look(file, self._valid_for)
        if found is None or self.prefixes.best(found.tokens) >= len(found.tokens) - 1:
            return False
        if self.cache.tokens:
            self.prefixes.put_aside()
        if not kept.load(self.context, found):
            self.cache.clear()
            return False
        self.cache.hold(found.tokens)
        self._transcripts.append(Transcript.of(found.transcript))
        return True

    def read(self, tokens: Sequence[int]) -> None:
        """Compute a batch of prompt tokens. Raises :class:`Cancelled` if it was broken off."""
        self._compute(tokens)
        self.cache.read(tokens)

    def follow(self, token: int) -> None:
        """Compute one generated token, unless it was guessed and is computed already."""
        if self.ahead is None:
            self._compute((token,))
        elif not self.ahead.knows(token):
            batch = self.ahead.batch(token, self.context_tokens - len(self.cache.tokens))
            self._compute((token,)) if batch is None else self._decode(batch)
        self.cache.tokens.append(token)

    @property
    def row(self) -> int:
        """Which of the positions that were computed last the next token follows; -1: the last."""
        return self.ahead.row if self.ahead else -1

    def guess_with(self, draft: Draft) -> None:
        """Guess the next tokens with a draft model, which is closed with this one."""
        if self.ahead:
            self.ahead.close()
        self.ahead = Ahead(self.context, self.cache, self._guess_tokens, draft)

    def _rest(self) -> None:
        if self.ahead:
            self.ahead.rest()

    def warm_up(self) -> None:
        """Compute once, so that the first answer waits for no page and no kernel; then forget it."""
        self._compute((0,))
        binding.llama_synchronize(self.context)
        self.cache.clear()

    @contextmanager
    def cancellable(self, stop: threading.Event) -> Iterator[None]:
        """Let ``stop`` break off computations.

        The callback is Python and runs at every node of the graph: nothing beside a batch of prompt tokens, much
        beside a single one. Only the CPU back end looks.
        """
        callback = binding.ggml_abort_callback(lambda _: stop.is_set())
        binding.llama_set_abort_callback(self.context, callback, ctypes.c_void_p())
        try:
            yield
        finally:
            binding.llama_set_abort_callback(self.context, binding.ggml_abort_callback(), ctypes.c_void_p())

    def _compute(self, tokens: Sequence[int]) -> None:
        count = len(tokens)
        self._batch[:count] = tokens
        self._decode(binding.llama_batch_get_one(self._batch, count))

    def _decode(self, batch: Any) -> None:
        status = binding.llama_decode(self.context, batch)
        if status == 0:
            return
        self.cache.restore()
        if status == _ABORTED:
            raise Cancelled("The answer")
        raise faults.explain_computing(native.start().lines[-_LAST_LINES:], status, available_bytes())

    def close(self) -> None:
        if self.ahead:
            self.ahead.close()
        binding.llama_free(self.context)
        binding.llama_model_free(self._model)
