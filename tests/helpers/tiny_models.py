"""Tiny model folders of many families, the same on every machine: their conversion is compared by hashes.

``tests/cases/convert/families.json`` has their configurations and tensor shapes, as transformers 4.57.6 makes them.
The weights come from numpy's frozen generator. ``smollm2-cut.json`` is SmolLM2's tokenizer (Apache-2.0), cut down to
what the converter's test text uses, so that it is still recognized. ``tiny.model`` and ``byte-fallback.json`` are ours.
"""

from __future__ import annotations

import functools
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.safetensors_folder import write_json, write_weights

CASES = Path(__file__).parents[1] / "cases" / "convert"
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


@functools.cache
def families() -> dict[str, Any]:
    """Return the cases by name."""
    return json.loads((CASES / "families.json").read_text("utf-8"))


def write_tiny_model(name: str, folder: Path, kind: str = "BF16", shards: int = 1, **changes: Any) -> Path:
    """Write a model folder; ``changes`` replace values of its ``config.json``, ``None`` leaves them out."""
    case = families()[name]
    folder.mkdir(parents=True)
    config = {**case["config"], **changes}
    write_json(folder / "config.json", {key: value for key, value in config.items() if value is not None})
    write_weights(folder, tiny_weights(name), kind, shards)
    _write_tokenizer(case["tokenizer"], folder)
    return folder


def tiny_weights(name: str) -> dict[str, NDArray[np.float32]]:
    """Return a model's weights by their published names."""
    return {tensor: _numbers(tensor, tuple(shape)) for tensor, shape in families()[name]["tensors"].items()}


def _numbers(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a tensor's numbers: those of its first 1,024 rows or fewer, repeated."""
    drawn = (min(shape[0], 1024), *shape[1:]) if shape else ()
    numbers = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(drawn)
    numbers = np.asarray(numbers, np.float32)
    return np.resize(numbers * np.float32(0.05), shape)


def _write_tokenizer(kind: str, folder: Path) -> None:
    if kind == "sentencepiece":
        shutil.copy(CASES / "tiny.model", folder / "tokenizer.model")
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", **SPECIAL})
    elif kind == "byte_fallback":
        shutil.copy(CASES / "byte-fallback.json", folder / "tokenizer.json")
        write_json(folder / "tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer", **SPECIAL})
    else:
        shutil.copy(CASES / "smollm2-cut.json", folder / "tokenizer.json")
        tokens = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "unk_token": "<|endoftext|>"}
        template = "{% for m in messages %}{{ m.content }}{% endfor %}"
        settings = {"tokenizer_class": "GPT2Tokenizer", **tokens, "chat_template": template}
        write_json(folder / "tokenizer_config.json", settings)
