"""Asks llama.cpp for levels: ``python -m tests.helpers.native_levels MODEL FOLDER LEVEL…``, in a process of its own.

Prints a table of level → tensor → type. With a folder the levels are made there (``LEVEL.gguf``) and read back; with
``-`` llama.cpp only says what it would choose (``dry_run``).
"""

import ctypes
import json
import re
import sys
from pathlib import Path

from llama_cpp import llama_cpp as binding

from engine.catalog.facts import read_facts
from engine.catalog.headers.file_types import FILE_TYPES

CHOICE = re.compile(
    r"\[\s*\d+/\s*\d+\]\s+(\S+)\s+- \[.*?\], type =\s*(\S+), size =\s*[\d.]+ MiB(?: ->.*?MiB \((\S+)\))?"
)
NUMBERS = {label: number for number, label in FILE_TYPES.items()}


def main() -> None:
    model, folder, levels = sys.argv[1], sys.argv[2], sys.argv[3:]
    lines: list[str] = []
    callback = binding.llama_log_callback(lambda level, text, data: lines.append(text.decode("utf-8", "replace")))
    binding.llama_log_set(callback, None)
    answer = {}
    for level in levels:
        params = binding.llama_model_quantize_default_params()
        params.ftype, params.nthread, params.dry_run = NUMBERS[level], 1, folder == "-"
        params.allow_requantize = True
        made = Path(folder) / f"{level}.gguf"
        lines.clear()
        if binding.llama_model_quantize(model.encode(), str(made).encode(), ctypes.byref(params)):
            raise SystemExit("".join(lines)[-2000:])
        if folder == "-":
            found = CHOICE.finditer("".join(lines).replace("\n", " "))
            answer[level] = {match[1]: (match[3] or match[2]).upper() for match in found}
        else:
            answer[level] = {tensor.name: tensor.type for tensor in read_facts(made).tensors}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
