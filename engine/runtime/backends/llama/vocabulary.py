"""A model's vocabulary: text to tokens and back.

Control tokens steer a model, so a person's text must never become one. Before the chat template is rendered, a mark
is put into each control token that stands in a message; after it the text is cut at the marks and each piece is
tokenized for itself. What the person wrote stays as it is, and the template's own control tokens are parsed as ever.
(The same way as transformers 5.23, ``utils/chat_template_utils.py``, ``mark_control_tokens``.)
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from typing import Any

from llama_cpp import llama_cpp as binding

# llama.h, enum llama_token_attr
_UNKNOWN, _CONTROL, _USER_DEFINED = 1, 8, 16

MARK = "\ufdd0"  # a noncharacter: no text that is meant to be read has it (Unicode 16, section 23.7)


class Vocabulary:
    """The vocabulary of a loaded model; valid as long as the model is."""

    def __init__(self, model: Any, template: str = "") -> None:
        self._vocab: Any = binding.llama_model_get_vocab(model)
        self._pieces: dict[int, bytes] = {}
        self._special = dict(self._special_tokens(template))
        self._control = _any_of(self._special)
        self._shown: frozenset[int] = frozenset()
        self._newline = self._tokens("\n")
        self.size = binding.llama_vocab_n_tokens(self._vocab)
        self.adds_bos = binding.llama_vocab_get_add_bos(self._vocab)

        self._bos: Any = binding.llama_vocab_bos(self._vocab)
        self._eos: Any = binding.llama_vocab_eos(self._vocab)

    @property
    def handle(self) -> Any:
        """llama.cpp's own vocabulary."""
        return self._vocab

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return int(self._eos)

    def told(self, token: int) -> str:
        """Return a token's text for people: control tokens by name, and bytes that are no whole letter as such."""
        return self._piece(token, special=True).decode("utf-8", "backslashreplace")

    @property
    def bos(self) -> str:
        """The text of the token that begins a text, "" if there is none."""
        return self._text(self._bos)

    @property
    def eos(self) -> str:
        return self._text(self._eos)

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
        tokens = self._pieces_of(text, first=True)
        if self.adds_bos and self._bos >= 0 and tokens[:1] != [self._bos]:
            tokens.insert(0, self._bos)
        return tokens

    def following_tokens(self, text: str) -> list[int]:
        """Tokenize text that follows other text."""
        return self._pieces_of(text, first=False)

    def begins_special(self, text: str) -> bool:
        """Tell whether text begins with a control token: there tokens never join what stands before."""
        return bool(self._control.match(text))

    def piece(self, token: int) -> bytes:
        """Return a token's bytes; control tokens have none, unless they are to be shown."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._piece(token, special=token in self._shown)
        return piece

    def ends(self, token: int) -> bool:
        return binding.llama_vocab_is_eog(self._vocab, token)

    def _pieces_of(self, text: str, first: bool) -> list[int]:
        whole, *others = text.split(MARK)
        tokens = self._tokens(whole) if first else self._after_newline(whole)
        for other in others:
            tokens += self._after_newline(other)
        return tokens

    def _after_newline(self, text: str) -> list[int]:
        """Tokenize as if a line went before: SentencePiece puts a space before whatever begins a text."""
        if not text:
            return []
        tokens = self._tokens("\n" + text)
        if tokens[: len(self._newline)] == self._newline:
            return tokens[len(self._newline) :]
        return self._tokens(text)

    def _tokens(self, text: str) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 2
        tokens = (binding.llama_token * room)()
        count = binding.llama_tokenize(self._vocab, data, len(data), tokens, room, False, True)
        if count < 0:  # more tokens than bytes: a normalizer lengthened the text
            tokens = (binding.llama_token * -count)()
            count = binding.llama_tokenize(self._vocab, data, len(data), tokens, -count, False, True)
        return tokens[:count]

    def _piece(self, token: int, *, special: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = binding.llama_token_to_piece(self._vocab, token, buffer, room, 0, special)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def _text(self, token: int) -> str:
        return self._piece(token, special=True).decode("utf-8", "replace") if token >= 0 else ""

    def _special_tokens(self, template: str) -> Iterator[tuple[str, int]]:
        """Yield what is parsed as one token: control tokens, and added ones that the template writes."""
        for token in range(binding.llama_vocab_n_tokens(self._vocab)):
            kind = binding.llama_vocab_get_attr(self._vocab, token)
            if kind & (_CONTROL | _UNKNOWN | _USER_DEFINED):
                text = self._text(token)
                if len(text) > 1 and (not kind & _USER_DEFINED or text in template):
                    yield text, token


def _any_of(texts: dict[str, int]) -> re.Pattern[str]:
    longest_first = sorted(texts, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
