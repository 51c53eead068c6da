"""How to ask a model: what its makers recommend in a folder's ``generation_config.json`` or a GGUF file's metadata.

Only what is said there counts. What the makers leave out is left to others; nothing here says what is usual. The one
exception is the starter model, whose first answer is ours to answer for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.catalog.headers.gguf_header import read_gguf_header
from engine.catalog.headers.shards import read_json
from engine.catalog.headers.source import FileSource
from engine.errors import EngineError, Refused
from engine.settings import TABLE

CONFIG = "generation_config.json"
METADATA = "general.sampling"

# Their names by ours. Sources: transformers 5.23, generation/configuration_utils.py; llama.cpp 0c1e57098,
# gguf-py/gguf/constants.py (Keys.General) and gguf-py/gguf/metadata.py, which copies the former into the latter.
IN_FOLDERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "repetition_penalty",
}
IN_GGUF = {
    "temperature": "temp",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repeat_penalty": "penalty_repeat",
}


@dataclass(frozen=True, slots=True)
class Recommended:
    """Values by the names of the settings, all in range, and where they are said (``source``, for people).

    ``system_prompt`` is what the model is told where the person tells it nothing; empty: what its template adds.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    system_prompt: str = ""


NOTHING = Recommended()

# The starter model, in whatever file or quantization, is known by the name in its metadata. Its template adds a system
# prompt with which it answers "What is the capital of France?" without end, in French, at temperature 0; with ours, one
# of three seeds still did at 0.2. Greedily, with ours, the answer is "The capital of France is Paris."
STARTER_NAME = "Smollm2 135M 8k Lc100K Mix1 Ep2"
STARTER = Recommended(
    {"temperature": 0.0, "max_tokens": 512},
    "Halfbyte's choice for the starter model",
    "You are a helpful AI assistant. Give short, direct answers.",
)


def read_recommended(path: Path) -> Recommended:
    """Return what a model recommends; nothing for a server's model, or where it cannot be read."""
    try:
        if path.is_dir():
            return _of_folder(path)
        if path.suffix == ".gguf":
            return _of_gguf(path)
    except EngineError:
        pass  # a model without recommendations works; what is damaged is told when it is loaded
    return NOTHING


def _of_folder(folder: Path) -> Recommended:
    table = read_json(folder / CONFIG)
    told = {ours: table.get(theirs) for ours, theirs in IN_FOLDERS.items()}
    if table.get("do_sample") is False:
        told["temperature"] = 0.0
    return _checked(told, CONFIG)


def _of_gguf(file: Path) -> Recommended:
    with FileSource(file) as source:
        metadata = read_gguf_header(source).metadata
    if metadata.get("general.name") == STARTER_NAME:
        return STARTER
    return _checked({ours: metadata.get(f"{METADATA}.{theirs}") for ours, theirs in IN_GGUF.items()}, METADATA)


def _checked(told: Mapping[str, Any], source: str) -> Recommended:
    """Keep what makes sense: another's file may say anything."""
    kept: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            continue
        whole = isinstance(TABLE[name].default, int)
        try:
            kept[name] = TABLE[name].checked(int(value) if whole else round(float(value), 4))
        except Refused:
            continue
    return Recommended(kept, source) if kept else NOTHING
