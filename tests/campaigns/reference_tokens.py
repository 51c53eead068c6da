"""Parts texts as Hugging Face's libraries do. Runs in an environment with transformers.

``python tests/campaigns/reference_tokens.py FOLDER`` reads a JSON list of texts and answers with lists of token ids:
``bare`` without and ``ends`` with the tokens that begin and end a text, ``raw`` of the library tokenizers alone, and
the ``special`` tokens that there are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer  # type: ignore[import-not-found]


def main() -> None:
    folder = Path(sys.argv[1])
    texts: list[str] = json.load(sys.stdin)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    added = tokenizer.added_tokens_decoder.values()
    found: dict[str, Any] = {
        "bare": [tokenizer.encode(text, add_special_tokens=False) for text in texts],
        "ends": [tokenizer.encode(text) for text in texts],
        "special": [token.content for token in added if token.special],
    }
    if (folder / "tokenizer.json").is_file():
        raw = Tokenizer.from_file(str(folder / "tokenizer.json"))
        found["raw"] = [raw.encode(text, add_special_tokens=False).ids for text in texts]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
