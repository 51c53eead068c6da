"""Write the table of configuration defaults that the stand-in for transformers reads.

Run it where the transformers of llama.cpp's requirements is installed, after moving the pin of llama-cpp-python::

    python packaging/config_table.py > engine/convert/standin/transformers/defaults.json

A family belongs into the list once its conversion was compared with torch's, byte for byte (see
tests/end2end/test_convert_families.py).
"""

from __future__ import annotations

import inspect
import json
import sys
from typing import Any

import transformers  # type: ignore[import-not-found]
from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # type: ignore[import-not-found]

FAMILIES = (
    "llama",
    "mistral",
    "mixtral",
    "qwen2",
    "qwen3",
    "qwen3_moe",
    "gemma",
    "gemma2",
    "gemma3_text",
    "gemma3",
    "phi",
    "phi3",
    "granite",
    "olmo",
    "olmo2",
    "smollm3",
    "stablelm",
    "starcoder2",
    "gpt2",
    "gpt_neox",
    "falcon",
    "nemotron",
)
PARTS = {"gemma3": {"text_config": "gemma3_text"}}


def constructor_defaults(kind: type) -> dict[str, Any]:
    """Return what a configuration's constructor assumes, before it derives anything from it."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {item.name: item.default for item in parameters if item.default is not inspect.Parameter.empty}


def rows() -> dict[str, Any]:
    """Return each family's values, and under an empty name those that all have."""
    base = transformers.PretrainedConfig().to_dict()
    base.pop("transformers_version")
    table: dict[str, Any] = {"": {"defaults": base}}
    for family in FAMILIES:
        kind = CONFIG_MAPPING[family]
        own = {**constructor_defaults(kind), "model_type": family}
        own = {name: value for name, value in own.items() if not name.endswith("_config")}
        row = {"defaults": own, "parts": PARTS.get(family, {}), "renamed": getattr(kind, "attribute_map", {})}
        table[family] = {name: value for name, value in row.items() if value}
    return table


if __name__ == "__main__":
    table = rows()
    sys.stdout.write("{\n")
    lines = [f" {json.dumps(family)}: {json.dumps(row, sort_keys=True)}" for family, row in table.items()]
    sys.stdout.write(",\n".join(lines) + "\n}\n")
