"""Several conversations' KV caches in memory: what is not in use lies beside as bytes, the least used goes first.

The idea is llama-server's (llama.cpp 0c1e57098, tools/server/server-task.cpp, ``server_prompt_cache``).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.runtime.backends.llama.cache import KvCache, common_length
from engine.runtime.backends.llama.memory import available_bytes

_SEQUENCE: Any = 0
_LEAST_GAIN = 64  # tokens: fewer are read faster than a cache is exchanged
_SHARE = 0.25  # of the free memory
_MOST_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class _Beside:
    tokens: list[int]
    state: Any  # ctypes array of bytes


class Prefixes:
    """What lies beside a context's cache, the last used last."""

    def __init__(self, context: Any, cache: KvCache) -> None:
        self._context = context
        self._cache = cache
        self._beside: list[_Beside] = []

    @property
    def bytes(self) -> int:
        return sum(len(item.state) for item in self._beside)

    def best(self, prompt: Sequence[int]) -> int:
        """Return how many of a prompt's tokens the cache or something beside it begins with."""
        return max(common_length(tokens, prompt) for tokens in (self._cache.tokens, *self._tokens()))

    def choose(self, prompt: Sequence[int]) -> None:
        """Bring into the cache what shares the most with a prompt; put aside what would be lost by it."""
        shared = common_length(self._cache.tokens, prompt)
        best = max(self._beside, key=lambda item: common_length(item.tokens, prompt), default=None)
        better = best is not None and common_length(best.tokens, prompt) >= shared + _LEAST_GAIN
        if len(self._cache.tokens) - shared >= _LEAST_GAIN:
            self.put_aside()
        if better and best is not None:
            self._bring(best)

    def put_aside(self) -> None:
        """Copy what the cache holds, unless it is too large or lies there already."""
        tokens = list(self._cache.tokens)
        size = binding.llama_state_seq_get_size(self._context, _SEQUENCE)
        limit = min(int((available_bytes() + self.bytes) * _SHARE), _MOST_BYTES)
        if size > limit or any(common_length(kept, tokens) == len(tokens) for kept in self._tokens()):
            return
        self._beside = [item for item in self._beside if common_length(item.tokens, tokens) < len(item.tokens)]
        while self._beside and self.bytes + size > limit:
            del self._beside[0]
        state = (ctypes.c_uint8 * size)()
        if binding.llama_state_seq_get_data(self._context, state, size, _SEQUENCE) == size:
            self._beside.append(_Beside(tokens, state))

    def _bring(self, item: _Beside) -> None:
        self._beside.remove(item)
        self._beside.append(item)
        if binding.llama_state_seq_set_data(self._context, item.state, len(item.state), _SEQUENCE):
            self._cache.hold(item.tokens)
        else:
            self._cache.clear()

    def _tokens(self) -> list[list[int]]:
        return [item.tokens for item in self._beside]
