"""Which type each tensor gets at a level: asked of llama.cpp itself, which plans the whole file without reading it."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.convert.methods.header import Entry, Header
from engine.convert.methods.importance import Importance, Numbers
from engine.convert.methods.native import NativeLog, library, reason
from engine.convert.recipes import Recipe
from engine.errors import Refused
from engine.recommend.blocks import BLOCK_TYPES

_CHOICE = re.compile(
    r"\[\s*\d+/\s*\d+\]\s+(\S+)\s+- \[.*?\], type =\s*(\S+), size =\s*[\d.]+ MiB(?: ->\s*[\d.]+ MiB \((\S+)\))?"
)
_UNREGARDED = "will require an imatrix"


def types_at(layout: Path, header: Header, recipe: Recipe, importance: Importance | None) -> dict[str, str]:
    """Return tensor → type for a recipe. ``layout`` is a GGUF file whose weights may still be missing.

    Raises :class:`Refused` for a level that needs an importance matrix, and what else llama.cpp has against the model.
    """
    said: list[str] = []
    binding = library()
    log = NativeLog(binding, said.append)
    parameters, alive = parameters_of(binding, recipe, importance)
    parameters.dry_run = True
    if binding.llama_model_quantize(os.fsencode(layout), b"", ctypes.byref(parameters)):
        raise reason(log.errors, layout)
    del alive
    text = "".join(said).replace("\n", " ")
    if _UNREGARDED in text:
        raise Refused(
            f"{recipe.level} needs an importance matrix: without one it would be garbage.",
            "Let Halfbyte compute one (--imatrix auto), or choose a level of three bits or more.",
        )
    chosen = {match[1]: (match[3] or match[2]).upper() for match in _CHOICE.finditer(text)}
    missing = [tensor.name for tensor in header.tensors if tensor.name not in chosen]
    if missing:
        raise RuntimeError(f"llama.cpp did not say what it does with {', '.join(missing[:3])}")
    for tensor in header.tensors:
        _check_blocks(tensor, chosen[tensor.name])
    return chosen


def _check_blocks(tensor: Entry, kind: str) -> None:
    """Refuse an override that llama.cpp would follow beyond the end of a row."""
    elements = BLOCK_TYPES[kind].elements
    if tensor.width % elements:
        raise Refused(
            f"{tensor.name} cannot be {kind}: its rows of {tensor.width} are no multiple of {elements}.",
            "Choose another type for it, such as Q8_0.",
        )


def file_type(level: str) -> int:
    """Return the number of a level in a file. Raises :class:`Refused` for one that this llama.cpp does not know."""
    name = "LLAMA_FTYPE_ALL_F32" if level == "F32" else f"LLAMA_FTYPE_MOSTLY_{level}"
    number = getattr(library(), name, None)
    if number is None:
        raise Refused(f"This llama.cpp knows no level {level}.")
    return number


def parameters_of(binding: Any, recipe: Recipe, importance: Importance | None) -> tuple[Any, Sequence[Any]]:
    """Return llama.cpp's parameters, and what must stay alive as long as they are used."""
    parameters = binding.llama_model_quantize_default_params()
    parameters.ftype = file_type(recipe.level)
    parameters.nthread = 1
    parameters.allow_requantize = True  # only of Q8_0: the plan refuses coarser sources
    overrides = dict(recipe.overrides)
    if output := overrides.pop("output", ""):
        parameters.output_tensor_type = BLOCK_TYPES[output].number
    if embedding := overrides.pop("token_embd", ""):
        parameters.token_embedding_type = BLOCK_TYPES[embedding].number
    alive: list[Any] = []
    if overrides:
        alive.append(_patterns(binding, overrides))
        parameters.tt_overrides = alive[-1]
    if importance is not None:
        values = importance.weights()
        alive += [values, _importance(binding, values)]
        parameters.imatrix = alive[-1]
    return parameters, alive


def _patterns(binding: Any, overrides: Mapping[str, str]) -> Any:
    rows = (binding.llama_model_tensor_override * (len(overrides) + 1))()
    for row, (pattern, kind) in zip(rows, overrides.items(), strict=False):
        row.pattern, row.type = pattern.encode(), BLOCK_TYPES[kind].number
    return rows


def _importance(binding: Any, entries: Mapping[str, Numbers]) -> Any:
    """Return the matrix as llama.cpp takes it. For the choice of types it only counts that there is one."""
    rows = (binding.llama_model_imatrix_data * (len(entries) + 1))()
    for row, (name, values) in zip(rows, entries.items(), strict=False):
        row.name = name.encode()
        row.data = values.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        row.size = values.size
    return rows
