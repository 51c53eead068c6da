"""Parts texts as llama.cpp does with a GGUF file: ``python -m tests.campaigns.llama_tokens FILE`` reads a JSON list.

It answers with lists of token ids: ``bare`` without and ``ends`` with the tokens that begin and end a text. Special
tokens within a text are recognized, as they are in prompts.
"""

from __future__ import annotations

import json
import sys

from llama_cpp import Llama


def main() -> None:
    model = Llama(sys.argv[1], vocab_only=True, verbose=False)
    texts = [text.encode("utf-8", "surrogatepass") for text in json.load(sys.stdin)]
    found = {
        name: [model.tokenize(text, add_bos=ends, special=True) for text in texts]
        for name, ends in (("bare", False), ("ends", True))
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
