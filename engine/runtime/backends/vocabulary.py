"""Text to tokens and back, in a way that no person's text becomes a control token.

Control tokens steer a model. Before the chat template is rendered, a mark is put into each of them that stands in a
message; after it the text is cut at the marks and each piece is tokenized for itself. What the person wrote stays as it
is, and the template's own control tokens are parsed as ever. (The same way as transformers 5.23,
``utils/chat_template_utils.py``, ``mark_control_tokens``.)
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping

MARK = "\ufdd0"  # a noncharacter: no text that is meant to be read has it (Unicode 16, section 23.7)


class ShieldedVocabulary(ABC):
    """What back ends share of a vocabulary. ``special`` are the texts that are parsed as one token, and their tokens.

    A subclass calls :meth:`_read` when it can tokenize. ``begin`` is the token that begins a prompt, ``None`` where the
    model wants none.
    """

    def _read(self, special: Mapping[str, int], begin: int | None) -> None:
        longest_first = sorted(special, key=len, reverse=True)
        self._special = special
        self._control = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._begin = begin
        self._newline = self._tokens("\n")
        self._shown: frozenset[int] = frozenset()
        self._pieces: dict[int, bytes] = {}

    @abstractmethod
    def _tokens(self, text: str) -> list[int]:
        """Tokenize a text for itself; control tokens are parsed."""

    @abstractmethod
    def _piece(self, token: int, *, shown: bool) -> bytes:
        """Return a token's bytes; a control token has some only if it is to be shown."""

    def show(self, marks: tuple[str, ...]) -> None:
        """Let control tokens that are part of ``marks`` have a text: they are what tells thinking from answer."""
        self._shown = frozenset(token for text, token in self._special.items() if any(text in mark for mark in marks))
        self._pieces.clear()

    def shielded(self, text: str) -> str:
        """Return a person's text with a mark inside each control token."""
        text = text.replace(MARK, "\N{REPLACEMENT CHARACTER}")
        while (broken := self._control.sub(lambda match: match[0][0] + MARK + match[0][1:], text)) != text:
            text = broken  # what is left of one token may be a part of another
        return text

    def prompt_tokens(self, text: str) -> list[int]:
        """Tokenize a whole prompt; the token that begins a text is added where the model wants it and it lacks."""
        first, *others = text.split(MARK)
        tokens = self._tokens(first) + [token for other in others for token in self._after_newline(other)]
        return tokens if self._begin is None or tokens[:1] == [self._begin] else [self._begin, *tokens]

    def following_tokens(self, text: str) -> list[int]:
        """Tokenize text that follows other text."""
        return [token for piece in text.split(MARK) for token in self._after_newline(piece)]

    def begins_special(self, text: str) -> bool:
        """Tell whether text begins with a control token: there tokens never join what stands before."""
        return bool(self._control.match(text))

    def piece(self, token: int) -> bytes:
        """Return a token's bytes; control tokens have none, unless they are to be shown."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token, shown=token in self._shown)
        return piece

    def _after_newline(self, text: str) -> list[int]:
        """Tokenize as if a line went before: SentencePiece puts a space before whatever begins a text."""
        if not text:
            return []
        tokens = self._tokens("\n" + text)
        if tokens[: len(self._newline)] == self._newline:
            return tokens[len(self._newline) :]
        return self._tokens(text)
