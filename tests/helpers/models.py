"""Models of real shapes, as facts: configurations and tensor lists in ``tests/cases/models``, no weights.

A case lists the tensors outside of layers, and those of each kind of layer once (``"numbers": "0-31"``); of experts
that are stored one by one it has the shape and the count. Source: transformers 4.57.6 on the meta device,
with the settings that their publishers name; the parameter counts agree with theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

from engine.catalog.headers.configuration import Config
from engine.catalog.headers.huggingface import config_facts
from engine.catalog.headers.safetensors_header import StoredTensor
from engine.formats import ModelFacts

CASES = Path(__file__).parent.parent / "cases" / "models"
TYPE_BYTES = {"BF16": 2, "F16": 2, "F32": 4}


def names() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.json"))


@cache
def case(name: str) -> dict[str, Any]:
    return json.loads((CASES / f"{name}.json").read_text("utf-8"))


@cache
def facts_of(name: str) -> ModelFacts:
    """Return the facts of a model, as its published folder would give them."""
    return config_facts(Config(case(name)["config"], name), stored_tensors(name), name, {"tokenizer.chat_template": ""})


def stored_tensors(name: str) -> Iterator[StoredTensor]:
    described = case(name)
    for tensor, shape in described["outside"].items():
        yield _tensor(tensor, shape, described["type"])
    for group in described["layers"]:
        for number in _numbers(group["numbers"]):
            for rest, shape in group["tensors"].items():
                yield from _in_layer(f"{described['prefix']}{number}.{rest}", shape, described["type"])


def _numbers(numbers: str | list[int]) -> range | list[int]:
    if isinstance(numbers, list):
        return numbers
    first, last = map(int, numbers.split("-"))
    return range(first, last + 1)


def _in_layer(name: str, shape: Any, type_name: str) -> Iterator[StoredTensor]:
    if isinstance(shape, list):
        yield _tensor(name, shape, type_name)
    else:
        for expert in range(shape["experts"]):
            yield _tensor(name.replace("*", str(expert)), shape["shape"], type_name)


def _tensor(name: str, shape: list[int], type_name: str) -> StoredTensor:
    return StoredTensor(name, type_name, tuple(shape), prod(shape) * TYPE_BYTES[type_name])
