"""Keeps the order in which a tokenizer joins pieces, where llama.cpp's converter leaves it out.

Of a folder with ``tokenizer.json`` and no ``tokenizer.model`` (Llama 2's kind: BPE with byte fallback) the converter
writes the same score for each token (gguf-py, vocab.py, ``LlamaHfVocab.get_token_score``, which calls itself a
placeholder). llama.cpp joins the pieces of the best score first, so with equal scores it parts three texts in ten in
another way than the model was trained with.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TOLD = (
    "This model has no tokenizer.model. The order in which its tokenizer joins pieces is taken from tokenizer.json; "
    "llama.cpp's own script leaves it out."
)


def scores(tokenizer: dict[str, Any]) -> dict[int, float]:
    """Return the scores of tokens that are joined of others, best first, as tokenizer.model has them: 0, -1, -2…"""
    numbers: dict[str, int] = tokenizer["model"]["vocab"]
    found: dict[int, float] = {}
    for merge in tokenizer["model"]["merges"]:
        joined = "".join(merge if isinstance(merge, list) else merge.split(" "))
        if joined in numbers:
            found.setdefault(numbers[joined], -float(len(found)))
    return found


@contextlib.contextmanager
def kept(on_notice: Callable[[str], None]) -> Iterator[None]:
    """Give tokens the scores of their merges for as long as this lasts."""
    import gguf

    vocabulary = gguf.LlamaHfVocab
    begin, score = vocabulary.__init__, vocabulary.get_token_score

    def with_scores(self: Any, base_path: Path) -> None:
        begin(self, base_path)
        self.scores = scores(json.loads((base_path / "tokenizer.json").read_text("utf-8")))
        on_notice(TOLD)

    vocabulary.__init__ = with_scores  # type: ignore[method-assign]
    vocabulary.get_token_score = lambda self, token_id: self.scores.get(token_id, -1000.0)  # type: ignore[method-assign]
    try:
        yield
    finally:
        vocabulary.__init__, vocabulary.get_token_score = begin, score  # type: ignore[method-assign]
