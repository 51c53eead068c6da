"""A GGUF model's vocabulary, by llama.cpp's own tokenizer."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

from llama_cpp import llama_cpp as binding

from engine.runtime.backends.vocabulary import ShieldedVocabulary

# llama.h, enum llama_token_attr
_UNKNOWN, _CONTROL, _USER_DEFINED = 1, 8, 16


class Vocabulary(ShieldedVocabulary):
    """The vocabulary of a loaded model; valid as long as the model is."""

    def __init__(self, model: Any, template: str = "") -> None:
        self._vocab: Any = binding.llama_model_get_vocab(model)
        self.size = binding.llama_vocab_n_tokens(self._vocab)
        self.adds_bos = binding.llama_vocab_get_add_bos(self._vocab)
        self._bos: Any = binding.llama_vocab_bos(self._vocab)
        self._eos: Any = binding.llama_vocab_eos(self._vocab)
        begin = int(self._bos) if self.adds_bos and self._bos >= 0 else None
        self._read(dict(self._special_tokens(template)), begin)

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
        return self._piece(token, shown=True).decode("utf-8", "backslashreplace")

    @property
    def bos(self) -> str:
        """The text of the token that begins a text, "" if there is none."""
        return self._text(self._bos)

    @property
    def eos(self) -> str:
        return self._text(self._eos)

    def ends(self, token: int) -> bool:
        return binding.llama_vocab_is_eog(self._vocab, token)

    def _tokens(self, text: str) -> list[int]:
        data = text.encode("utf-8", "replace")
        room = len(data) + 2
        tokens = (binding.llama_token * room)()
        count = binding.llama_tokenize(self._vocab, data, len(data), tokens, room, False, True)
        if count < 0:  # more tokens than bytes: a normalizer lengthened the text
            tokens = (binding.llama_token * -count)()
            count = binding.llama_tokenize(self._vocab, data, len(data), tokens, -count, False, True)
        return tokens[:count]

    def _piece(self, token: int, *, shown: bool) -> bytes:
        room = 64
        while True:
            buffer = ctypes.create_string_buffer(room)
            count = binding.llama_token_to_piece(self._vocab, token, buffer, room, 0, shown)
            if count >= 0:
                return buffer.raw[:count]
            room = -count

    def _text(self, token: int) -> str:
        return self._piece(token, shown=True).decode("utf-8", "replace") if token >= 0 else ""

    def _special_tokens(self, template: str) -> Iterator[tuple[str, int]]:
        """Yield what is parsed as one token: control tokens, and added ones that the template writes."""
        for token in range(binding.llama_vocab_n_tokens(self._vocab)):
            kind = binding.llama_vocab_get_attr(self._vocab, token)
            if kind & (_CONTROL | _UNKNOWN | _USER_DEFINED):
                text = self._text(token)
                if len(text) > 1 and (not kind & _USER_DEFINED or text in template):
                    yield text, token
