"""The speed of an answer while it comes."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from engine.events import Token

_FIRST_S = 0.5  # before that the number jumps
_EVERY_S = 0.5  # how often it is told


class LiveRate:
    """Count tokens by their ids; a back end that tells none has no live rate."""

    def __init__(self) -> None:
        self.tokens = 0
        self._began_s = 0.0
        self._told_s = 0.0

    def add(self, tokens: Sequence[Token], now_s: float | None = None) -> float | None:
        """Count tokens and return the rate in tokens a second if it is time to tell it again."""
        now_s = monotonic() if now_s is None else now_s
        fresh = sum(len(token.ids) for token in tokens)
        if not self._began_s:
            self._began_s = now_s
            return None  # the first piece was made by reading the prompt
        self.tokens += fresh
        elapsed_s = now_s - self._began_s
        if not self.tokens or elapsed_s < _FIRST_S or now_s - self._told_s < _EVERY_S:
            return None
        self._told_s = now_s
        return self.tokens / elapsed_s
