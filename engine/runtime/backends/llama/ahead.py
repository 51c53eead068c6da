"""Compute a token together with guesses of what follows it, and take those that come true without computing again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.runtime.backends.llama.cache import KvCache
from engine.runtime.backends.llama.guessing import Guesses, LookedUp, Worth


class Ahead:
    """The guesses of one context. ``row`` is which of the computed positions the sampler has to look at; -1: the last.

    ``guesses`` says where they come from, and is closed with it. ``accepted`` and ``guessed`` count since the last
    rest.
    Only for caches that can forget their last tokens: not for recurrent states and sliding windows.
    """

    def __init__(self, context: Any, cache: KvCache, most_tokens: int, guesses: Guesses | None = None) -> None:
        self.most_tokens = most_tokens
        self.row = -1
        self.accepted = self.guessed = 0  # tokens
        self._memory: Any = binding.llama_get_memory(context)
        self._cache = cache
        self._batch = binding.llama_batch_init(most_tokens + 1, 0, 1)
        self._guesses = guesses or LookedUp()
        self._guess: list[int] = []
        self._worth = Worth()
        self._began_s = 0.0
        self._tokens = 0  # that the last computation gave

    def knows(self, token: int) -> bool:
        """Tell whether a token was guessed and is computed already; then it is the last one from now on."""
        if not self._guess or self._guess[0] != token:
            return False
        del self._guess[0]
        self.row += 1
        self.accepted += 1
        self._tokens += 1
        return True

    def batch(self, token: int, room_tokens: int) -> Any | None:
        """Return a token with guesses to compute, or ``None`` for the token alone. Wrong guesses are forgotten."""
        self._note()
        self.settle()
        most = min(self.most_tokens, room_tokens - 1)
        said = [*self._cache.tokens, token]
        if self._worth.pays:
            self._guesses.catch_up(said)
        self._began_s, self._tokens = time.perf_counter(), 1
        guess = self._guesses.guess(said, most) if self._worth.pays else []
        if not guess:
            return None
        self._fill([token, *guess])
        self._guess, self.row = guess, 0
        self.guessed += len(guess)
        return self._batch

    def settle(self) -> None:
        """Forget the guesses that did not come true; the cache then holds what it says."""
        if self.row >= 0:
            binding.llama_memory_seq_rm(self._memory, 0, len(self._cache.tokens), -1)
        self._guess, self.row = [], -1

    def rest(self) -> None:
        """Settle, and measure nothing of what comes between two answers."""
        self.settle()
        self._tokens = self.accepted = self.guessed = 0

    def close(self) -> None:
        self._guesses.close()
        binding.llama_batch_free(self._batch)

    def _note(self) -> None:
        if self._tokens:
            self._worth.note(time.perf_counter() - self._began_s, self._tokens, guessed=self.row >= 0)

    def _fill(self, tokens: Sequence[int]) -> None:
        begin = len(self._cache.tokens)
        self._batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            self._batch.token[index] = token
            self._batch.pos[index] = begin + index
            self._batch.n_seq_id[index] = 1
            self._batch.seq_id[index][0] = 0
            self._batch.logits[index] = True


def can_guess(model: Any) -> bool:
    """Tell whether a model's cache can forget its last tokens."""
    forgets_none = binding.llama_model_is_recurrent(model) or binding.llama_model_is_hybrid(model)
    return not forgets_none and not binding.llama_model_n_swa(model)
