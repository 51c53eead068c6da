"""A draft model: a small one that guesses what a larger one of the same vocabulary will say.

Speculative decoding (Leviathan, Kalman and Matias 2023, arXiv 2211.17192). A guess counts only where the large model's
sampler chooses the very same token, so what is answered stays what it would have been, at any temperature.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as binding

from engine.runtime.backends.llama.cache import common_length
from engine.runtime.drafting import DRAFT_CONTEXT_TOKENS

_NEWEST_TOKENS = 512  # that are read where it did not follow along: a long conversation shall not be read twice
_STEP_TOKENS = 32  # more than is added from one guess to the next
_LEAST_CHANCE = 0.4  # below it a guess costs the large model more than it gains
_SPARE_TOKENS = 128  # llama.cpp 0c1e57098, common/speculative.cpp, SPEC_VOCAB_MAX_SIZE_DIFFERENCE
_FIRST_COMPARED = 5  # there too, SPEC_VOCAB_CHECK_START_TOKEN_ID: the first ones are placeholders in some models


class Draft:
    """Guess tokens. Takes the native handles over and frees them in :meth:`close`; ``stop`` ends reading early."""

    def __init__(self, model: Any, context: Any, batch_tokens: int, stop: threading.Event) -> None:
        self._model = model
        self._context = context
        self._memory: Any = binding.llama_get_memory(context)
        self._vocab: Any = binding.llama_model_get_vocab(model)
        self._size = binding.llama_vocab_n_tokens(self._vocab)
        self._batch = (binding.llama_token * batch_tokens)()
        self._stop = stop
        self._begin = 0  # where in the conversation it began to read
        self._held: list[int] = []  # what it has read from there on

    def catch_up(self, tokens: Sequence[int]) -> None:
        """Read what is new of a conversation if it is more than an answer adds from one guess to the next."""
        if len(tokens) - self._begin - self._in_common(tokens) > _STEP_TOKENS:
            self._follow(tokens)

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """Return up to ``most`` tokens that are likely to follow; none where it is not sure."""
        guess: list[int] = []
        fits = most > 0 and self._follow(tokens)
        while fits and len(guess) < most:
            token, chance = self._likeliest()
            if chance < _LEAST_CHANCE or binding.llama_vocab_is_eog(self._vocab, token):
                break
            guess.append(token)
            fits = len(guess) < most and self._read([token])
        return guess

    def close(self) -> None:
        binding.llama_free(self._context)
        binding.llama_model_free(self._model)

    def _in_common(self, tokens: Sequence[int]) -> int:
        """Return how many of the held tokens stand in a conversation; its last one is always computed anew."""
        return min(common_length(self._held, tokens[self._begin :]), max(len(tokens) - self._begin - 1, 0))

    def _follow(self, tokens: Sequence[int]) -> bool:
        """Read what is new of a conversation; return whether the next token can be guessed."""
        same = self._in_common(tokens)
        new = len(tokens) - self._begin - same
        if new > _NEWEST_TOKENS or new < 1 or len(tokens) - self._begin > DRAFT_CONTEXT_TOKENS - _STEP_TOKENS:
            self._begin, same = max(0, len(tokens) - _NEWEST_TOKENS), 0
        if not binding.llama_memory_seq_rm(self._memory, 0, same, -1):
            self._begin, same = max(0, len(tokens) - _NEWEST_TOKENS), 0
            binding.llama_memory_clear(self._memory, False)
        del self._held[same:]
        return self._read(tokens[self._begin + same :])

    def _read(self, tokens: Sequence[int]) -> bool:
        for start in range(0, len(tokens), len(self._batch)):
            part = tokens[start : start + len(self._batch)]
            self._batch[: len(part)] = part
            batch = binding.llama_batch_get_one(self._batch, len(part))
            if self._stop.is_set() or binding.llama_decode(self._context, batch):
                binding.llama_memory_clear(self._memory, False)
                self._held.clear()
                return False
            self._held += part
        return True

    def _likeliest(self) -> tuple[int, float]:
        """Return the likeliest next token, and how likely it is to the draft model."""
        logits: Any = binding.llama_get_logits_ith(self._context, -1)
        values = np.ctypeslib.as_array(logits, shape=(self._size,))
        token = int(values.argmax())
        return token, float(1.0 / np.exp(values - values[token]).sum())


def difference(model: Any, draft: Any) -> str:
    """Say in which way a draft model's vocabulary is another one, "" where it is the same.

    Source: llama.cpp 0c1e57098, common/speculative.cpp, ``common_speculative_are_compatible``.
    """
    own: Any = binding.llama_model_get_vocab(model)
    other: Any = binding.llama_model_get_vocab(draft)
    if binding.llama_vocab_type(own) != binding.llama_vocab_type(other):
        return "its tokenizer is of another kind"
    for name in ("bos", "eos"):
        adds, token = (getattr(binding, f"llama_vocab_{form}{name}") for form in ("get_add_", ""))
        if adds(own) != adds(other) or (adds(own) and token(own) != token(other)):
            return f"its {name.upper()} token is another one"
    sizes = binding.llama_vocab_n_tokens(own), binding.llama_vocab_n_tokens(other)
    if abs(sizes[0] - sizes[1]) > _SPARE_TOKENS:
        return f"it has {sizes[1]:,} tokens, and this model has {sizes[0]:,}"
    text = binding.llama_vocab_get_text
    for token in range(_FIRST_COMPARED, min(sizes)):
        if text(own, token) != text(other, token):
            ours, theirs = ((text(vocab, token) or b"").decode("utf-8", "replace") for vocab in (own, other))
            return f"its token {token} is “{theirs}”, and this model's is “{ours}”"
    return ""
