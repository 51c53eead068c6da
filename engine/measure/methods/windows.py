"""Cut texts into windows, and choose those that are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from engine.errors import Refused


@dataclass(frozen=True, slots=True)
class Window:
    """Tokens that are read together; ``text`` names the text that they are of."""

    text: str
    tokens: tuple[int, ...]


def windows_of(texts: Sequence[tuple[str, Sequence[int]]], length: int, tokens: int) -> list[Window]:
    """Return windows of ``length`` out of ``(name, tokens)`` pairs: about ``tokens`` in all, the texts in turn.

    Each text's part is spread evenly over it. ``tokens`` 0 takes every window, text after text. Raises
    :class:`Refused` if no text fills a window.
    """
    cut = [_whole_windows(name, ids, length) for name, ids in texts]
    if not any(cut):
        raise Refused(f"The text is shorter than {length} tokens.", "Choose a longer one.")
    if not tokens:
        return [window for windows in cut for window in windows]
    wanted = _shares(max(1, tokens // length), [len(windows) for windows in cut])
    chosen = [_spread(windows, count) for windows, count in zip(cut, wanted, strict=True)]
    turns = max(wanted)
    return [windows[turn] for turn in range(turns) for windows in chosen if turn < len(windows)]


def digest(windows: Sequence[Window], window_start: int | None) -> str:
    """Return a hash of what is read: models can be compared only where it is the same."""
    seen = sha256(repr(window_start).encode())
    for window in windows:
        seen.update(repr(window.tokens).encode())
    return seen.hexdigest()


def _whole_windows(name: str, ids: Sequence[int], length: int) -> list[Window]:
    return [Window(name, tuple(ids[start : start + length])) for start in range(0, len(ids) - length + 1, length)]


def _shares(wanted: int, there: Sequence[int]) -> list[int]:
    """Divide so many windows among texts, one in turn, as long as each has some left."""
    shares = [0] * len(there)
    while wanted and any(have > share for have, share in zip(there, shares, strict=True)):
        for index, have in enumerate(there):
            if wanted and shares[index] < have:
                shares[index] += 1
                wanted -= 1
    return shares


def _spread(windows: Sequence[Window], count: int) -> list[Window]:
    return [windows[index * len(windows) // count] for index in range(count)]
