"""What the KV cache holds, so that a follow-up question is only read from where it is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_cpp import llama_cpp as binding


class KvCache:
    """The tokens whose keys and values a context holds for its one sequence, position by position.

    ``window`` is the sliding window in tokens, 0 for none: such a cache forgets what lies before it.
    """

    def __init__(self, context: Any, window: int) -> None:
        self._memory: Any = binding.llama_get_memory(context)
        self._window = window
        self._batch_starts: dict[int, int] = {}  # of the prompt batches read: end -> start
        self.tokens: list[int] = []

    def reuse(self, prompt: Sequence[int]) -> int:
        """Keep the longest part that the prompt begins with; return its length, less than the prompt's.

        A prompt that is wholly there is read again from the start of its last batch: the same computation gives the
        same numbers, and so the same seed gives the same answer.
        """
        length = common_length(self.tokens, prompt)
        if length == len(prompt):
            length = self._batch_starts.get(length, length - 1)
        if not self._reaches_back_from(length) or not self.crop(length):
            self.clear()
            return 0
        return length

    def crop(self, length: int) -> bool:
        """Forget what comes after; return false if this kind of cache (a recurrent state) cannot forget a part."""
        if length < len(self.tokens):
            if not binding.llama_memory_seq_rm(self._memory, 0, length, -1):
                return False
            del self.tokens[length:]
            self._batch_starts = {end: start for end, start in self._batch_starts.items() if end <= length}
        return True

    def read(self, batch: Sequence[int]) -> None:
        """Note a batch of prompt tokens that was computed."""
        start = len(self.tokens)
        self.tokens += batch
        self._batch_starts[len(self.tokens)] = start

    def hold(self, tokens: Sequence[int]) -> None:
        """Note what was put into the cache from elsewhere."""
        self.tokens[:] = tokens
        self._batch_starts.clear()

    def clear(self) -> None:
        binding.llama_memory_clear(self._memory, False)
        self.tokens.clear()
        self._batch_starts.clear()

    def restore(self) -> None:
        """After a computation that was broken off, keep only what is certain to be whole."""
        length = min(binding.llama_memory_seq_pos_max(self._memory, 0) + 1, len(self.tokens))
        del self.tokens[length:]
        if not binding.llama_memory_seq_rm(self._memory, 0, length, -1):
            self.clear()

    def _reaches_back_from(self, length: int) -> bool:
        """Tell whether a sliding window's cache still holds all that position ``length`` looks at.

        Source: llama.cpp 0c1e57098, tools/server/server-context.cpp, ``pos_min_thold``.
        """
        if not length or not self._window or length == len(self.tokens):
            return True
        return binding.llama_memory_seq_pos_min(self._memory, 0) <= max(0, length - self._window)


def common_length(left: Sequence[int], right: Sequence[int]) -> int:
    """Return how many items two sequences have in common at their beginning."""
    shorter = min(len(left), len(right))
    if left[:shorter] == right[:shorter]:
        return shorter
    return next(index for index in range(shorter) if left[index] != right[index])
