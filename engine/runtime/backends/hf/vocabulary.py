"""A folder's vocabulary, by the library that its ``tokenizer.json`` was made for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from engine.catalog.headers.chat_template import chat_template
from engine.catalog.headers.shards import read_json
from engine.errors import DamagedFile, UnsupportedModel
from engine.runtime.backends.hf.checkpoints import BACKEND
from engine.runtime.backends.vocabulary import ShieldedVocabulary

# What ends a turn in the templates of the large families, whatever the configuration calls it.
_TURN_ENDS = frozenset({"<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<end_of_turn>", "<|endoftext|>", "<|return|>"})
_BYTE = re.compile(r"^<0x([0-9A-F]{2})>$")


class Vocabulary(ShieldedVocabulary):
    """The vocabulary of a model's folder. ``ends`` are the token numbers that its configuration ends with."""

    def __init__(self, folder: Path, ends: Iterable[int]) -> None:
        self._tokenizer = _read(folder)
        self.settings = _settings(folder)
        self.template = chat_template(folder, self.settings)
        table = json.loads(self._tokenizer.to_str())
        self._decoders = set(_types(table.get("decoder")))
        self.size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        self.bos, self.eos = (_text_of(self.settings.get(name)) for name in ("bos_token", "eos_token"))
        self._bos = self._tokenizer.token_to_id(self.bos) if self.bos else None
        self._read(dict(_special_tokens(table, self.template)), self.begin)
        ending = {*ends, *(number for text, number in self._special.items() if text in _TURN_ENDS | {self.eos})}
        self._ends = frozenset(number for number in ending if number is not None)

    @property
    def adds_bos(self) -> bool:
        told = self.settings.get("add_bos_token")
        if isinstance(told, bool):
            return told and self._bos is not None
        return self._bos is not None and self._tokenizer.encode("a").ids[:1] == [self._bos]

    @property
    def begin(self) -> int | None:
        """The token that begins a text, where the model wants one."""
        return self._bos if self.adds_bos else None

    def ends(self, token: int) -> bool:
        return token in self._ends

    def _tokens(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _piece(self, token: int, *, shown: bool) -> bytes:
        text = self._tokenizer.id_to_token(token)
        if text is None or (text in self._special and not shown):
            return b""
        if text in self._special:
            return text.encode()
        if "ByteLevel" in self._decoders:
            return b"".join(_BYTES.get(character) or character.encode() for character in text)
        if "ByteFallback" in self._decoders and (byte := _BYTE.match(text)):
            return bytes([int(byte[1], 16)])
        if self._decoders & {"Metaspace", "Replace"}:
            return text.replace("▁", " ").encode()
        return self._tokenizer.decode([token]).encode()


def _read(folder: Path) -> Tokenizer:
    file = folder / "tokenizer.json"
    if not file.is_file():
        return _converted(folder)
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing more specific
        raise DamagedFile(str(file), "a tokenizer", f"{error}"[:200]) from error


def _converted(folder: Path) -> Tokenizer:
    """Return a tokenizer that transformers makes of older files (``tokenizer.model``, ``vocab.json``)."""
    from transformers import AutoTokenizer  # pyright: ignore

    try:
        found = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        return found.backend_tokenizer
    except Exception as error:  # foreign code on foreign data
        raise UnsupportedModel(folder.name, BACKEND, f"its tokenizer cannot be read ({error})"[:200]) from error


def _settings(folder: Path) -> dict[str, Any]:
    tables = (folder / name for name in ("special_tokens_map.json", "tokenizer_config.json"))
    return {key: value for table in tables if table.is_file() for key, value in read_json(table).items()}


def _text_of(token: Any) -> str:
    """Return a special token's text, which is given plain or as a table."""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token or "")


def _special_tokens(table: Mapping[str, Any], template: str) -> Iterator[tuple[str, int]]:
    """Yield what is parsed as one token: control tokens, and added ones that the template writes."""
    for token in table.get("added_tokens") or ():
        text = token["content"]
        if len(text) > 1 and (token.get("special") or text in template):
            yield text, token["id"]


def _types(decoder: Mapping[str, Any] | None) -> Iterator[str]:
    if decoder:
        yield str(decoder.get("type"))
        for part in decoder.get("decoders") or ():
            yield from _types(part)


def _byte_characters() -> dict[str, bytes]:
    """Return the character that stands for each byte in byte-level vocabularies.

    Source: GPT-2, encoder.py, ``bytes_to_unicode``: printable bytes stand for themselves, the others follow from 256.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = {chr(byte): bytes([byte]) for byte in printable}
    return characters | {chr(256 + index): bytes([byte]) for index, byte in enumerate(others)}


_BYTES = _byte_characters()
