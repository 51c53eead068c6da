"""The last turn as text and as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Following(Protocol):
    """What a transcript asks of a vocabulary."""

    def following_tokens(self, text: str) -> list[int]: ...

    def begins_special(self, text: str) -> bool: ...


class Transcript:
    """The text and tokens of the last turn, to keep the very tokens that were generated.

    An answer that is tokenized again may give other tokens than the model chose, and from there on the cache would
    be worthless.
    """

    def __init__(self) -> None:
        self._text = ""  # of the prompt, as rendered
        self._tokens: list[int] = []
        self._answer: list[tuple[int, bytes]] = []

    def begin(self, text: str, tokens: Sequence[int]) -> None:
        self._text, self._tokens, self._answer = text, list(tokens), []

    @property
    def length(self) -> int:
        """Characters of the prompt: of two transcripts that a text goes on from, the longer one tells more."""
        return len(self._text)

    def record(self) -> dict[str, Any]:
        """Return the transcript as JSON values."""
        answer = [[token, piece.hex()] for token, piece in self._answer]
        return {"text": self._text, "tokens": self._tokens, "answer": answer}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Transcript:
        """Rebuild from :meth:`record`."""
        transcript = cls()
        transcript.begin(record["text"], record["tokens"])
        for token, piece in record["answer"]:
            transcript.add(token, bytes.fromhex(piece))
        return transcript

    def add(self, token: int, piece: bytes) -> None:
        self._answer.append((token, piece))

    def tokens_of(self, text: str, vocabulary: Following) -> list[int] | None:
        """Return the tokens of a prompt that goes on from the last turn; ``None`` if it does not.

        Where it goes on with only a part of the answer (trimmed, or cut at a stop string), a control token must
        follow: there tokens never join across.
        """
        if not self._text or not text.startswith(self._text):
            return None
        rest = text[len(self._text) :].encode("utf-8", "replace")
        kept, length = self._agreeing(rest)
        following = rest[length:].decode("utf-8", "replace")
        if kept < len(self._answer) and following and not vocabulary.begins_special(following):
            return None
        answer = [token for token, _ in self._answer[:kept]]
        return self._tokens + answer + vocabulary.following_tokens(following)

    def _agreeing(self, rest: bytes) -> tuple[int, int]:
        """Return how many of the answer's tokens ``rest`` begins with, and their bytes."""
        length = 0
        for kept, (_, piece) in enumerate(self._answer):
            if not rest.startswith(piece, length):
                return kept, length
            length += len(piece)
        return len(self._answer), length
