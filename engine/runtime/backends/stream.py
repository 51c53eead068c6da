"""From token bytes to text that may be shown: whole characters, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Iterable


class TextStream:
    """Join bytes to characters and end before the first stop string, wherever tokens break.

    What may turn out to be a part of a stop string is held back until that is decided. If several could end the text,
    the one that is complete first does.
    """

    def __init__(self, stops: Iterable[str] = ()) -> None:
        self.stopped = False
        self._stops = tuple(filter(None, stops))
        self._held = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, piece: bytes) -> str:
        """Return what is now certain to be text."""
        return self._scan(self._decoder.decode(piece))

    def finish(self) -> str:
        """Return what was held back; a character that never became whole is shown as U+FFFD."""
        if self.stopped:
            return ""
        text = self._scan(self._decoder.decode(b"", final=True))
        text, self._held = text + self._held, ""
        return text

    def _scan(self, new: str) -> str:
        if self.stopped:
            return ""
        text = self._held + new
        found = [(start + len(stop), start) for stop in self._stops if (start := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]
        kept = max((held_length(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]


def held_length(text: str, mark: str) -> int:
    """Return how many characters at the end of ``text`` may be the beginning of ``mark``."""
    longest = min(len(text), len(mark) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(mark[:length])), 0)
