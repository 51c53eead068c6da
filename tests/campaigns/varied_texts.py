"""Texts on which tokenizers tend to differ: many scripts, emoji, white space, code, digits, marks, special tokens."""

from __future__ import annotations

import json
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path

WRITTEN = Path(__file__).parents[1] / "cases" / "convert" / "varied_texts.json"
BLOCKS = (
    *((0x20, 0x7F), (0xA0, 0x24F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0xEFF), (0x1E00, 0x20CF)),
    *((0x2100, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1FAFF)),
)


def varied_texts() -> list[str]:
    """Return the written texts, then mixtures of them and of characters of many blocks: always the same."""
    written = [text for group in json.loads(WRITTEN.read_text("utf-8")).values() for text in group]
    return [*written, *_mixed(written, 40), *_drawn(60)]


def _mixed(texts: Sequence[str], count: int) -> list[str]:
    chance = random.Random(1)
    return ["".join(chance.choice((" ", "", "\n")) + text for text in chance.sample(texts, 3)) for _ in range(count)]


def _drawn(count: int) -> list[str]:
    chance = random.Random(2)
    drawn = ["".join(chr(chance.randrange(*chance.choice(BLOCKS))) for _ in range(10 + n)) for n in range(count)]
    return ["".join(one if unicodedata.category(one) != "Cn" else " " for one in text) for text in drawn]


def with_tokens(tokens: Sequence[str]) -> list[str]:
    """Return texts with special tokens of a tokenizer in them: alone, in a row, within words, beside white space."""
    texts = [form.format(token) for token in tokens for form in ("{}", "a{}b", " {} ", "x\n{}\ny", "{0}{0}")]
    return [*texts, "".join(tokens), " ".join(tokens), *(token[:-1] for token in tokens if len(token) > 1)]
