"""Guess the next tokens from what was already said, and whether that pays. Nothing here computes.

They may come from a draft model instead (:mod:`engine.runtime.backends.llama.draft`).
Prompt lookup decoding (Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding): where the last tokens stood before,
what followed them is likely to follow again. The guesses are computed together with the token before them, and each is
used only where the sampler chooses the very same: what is answered stays what it would have been.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol

_NEEDLES = (3, 2)  # tokens that have to be the same, the longer first
_TRIES = 8  # computations with guesses, until it is decided whether they pay
_FIRST_PAUSE, _LONGEST_PAUSE = 32, 1024  # computations without guesses, after they did not
_PLAIN_FIRST = 3  # computations, to know what one token costs
_NEWEST = 0.1  # share of the newest time in the mean


def looked_up(tokens: Sequence[int], most: int) -> list[int]:
    """Return up to ``most`` tokens that followed when the last ones stood before, the latest time."""
    if most <= 0:
        return []
    held = array("i", tokens)
    text, width = held.tobytes(), held.itemsize
    for size in _NEEDLES:
        needle, end = text[-size * width :], len(text) - width
        while len(tokens) > size and (at := text.rfind(needle, 0, end)) >= 0:
            if at % width == 0:
                begin = at // width + size
                return list(tokens[begin : begin + most])
            end = at + len(needle) - 1  # it began in the middle of a token
    return []


class Guesses(Protocol):
    """Where guesses come from."""

    def catch_up(self, tokens: Sequence[int]) -> None:
        """Do what takes long and has to be done once, as reading a conversation that is new."""
        ...

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """Return up to ``most`` tokens that may follow."""
        ...

    def close(self) -> None: ...


class LookedUp:
    """Guesses from what was already said."""

    def catch_up(self, tokens: Sequence[int]) -> None:
        pass

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        return looked_up(tokens, most)

    def close(self) -> None:
        pass


class Worth:
    """Whether guesses pay, by what tokens took with and without them. A model of its own machine: nothing is assumed.

    After some that did not pay there are none for a while, each time for twice as long.
    """

    def __init__(self) -> None:
        self._plain_s = 0.0  # a token, on average
        self._plain_left = _PLAIN_FIRST
        self._tries = self._tokens = 0
        self._seconds = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def pays(self) -> bool:
        """Whether the next tokens should be guessed."""
        return self._plain_left <= 0

    def note(self, seconds: float, tokens: int, *, guessed: bool) -> None:
        """Take what a computation took until the next one, and how many tokens it gave."""
        if not guessed:
            self._plain_s += (seconds - self._plain_s) * (_NEWEST if self._plain_s else 1.0)
            self._plain_left -= 1
            return
        self._tries, self._tokens, self._seconds = self._tries + 1, self._tokens + tokens, self._seconds + seconds
        if self._tries == _TRIES:
            self._decide()

    def _decide(self) -> None:
        if self._seconds > self._plain_s * self._tokens:
            self._plain_left, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        else:
            self._pause = _FIRST_PAUSE
        self._tries = self._tokens = 0
        self._seconds = 0.0
