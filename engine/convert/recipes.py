"""The recipes: how a format is made. A recipe is a value; it goes into the record of what was made with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import Refused
from engine.formats import FORMATS, MORE_FORMATS, Family, Format
from engine.recommend.blocks import BLOCK_TYPES

# What llama.cpp's converter writes by itself; other levels are quantized from a file at the source's own precision.
WRITTEN_DIRECTLY = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q8_0": "q8_0"}
# Type of the source's tensors → the type that keeps all of its bits.
LOSSLESS = {"F64": "f32", "F32": "f32", "F16": "f16", "BF16": "bf16"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make one GGUF level.

    ``intermediate`` is what the converter writes before the quantizer takes over: ``lossless`` (the source's own
    precision), or "" where the converter writes the level itself. ``overrides`` give tensors another type than the
    level would: ``output`` and ``token_embd`` as llama-quantize's options of those names do, anything else is a pattern
    that is searched in a tensor's name (``--tensor-type``). ``imatrix`` says where the importance matrix is from:
    ``computed``, ``given``, or "" where there is none.
    """

    id: str
    format_id: str
    level: str
    intermediate: str
    overrides: tuple[tuple[str, str], ...] = ()
    imatrix: str = ""

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Recipe:
        """Return a recipe as a record or the wire has it."""
        overrides = tuple((str(pattern), str(kind)) for pattern, kind in record["overrides"])
        return cls(**{**record, "overrides": overrides})

    def output_type(self, stored_type: str) -> str:
        """Return what the converter is to write for weights that are stored as ``stored_type``."""
        return WRITTEN_DIRECTLY[self.level] if not self.intermediate else LOSSLESS.get(stored_type, "f16")

    @property
    def without_importance(self) -> Recipe | None:
        """The same without its matrix; ``None`` where there is none, where it must be and where it changes nothing."""
        needed = self.level in NEED_IMATRIX or any(kind in _TYPES_THAT_NEED_IMATRIX for _, kind in self.overrides)
        return None if not self.imatrix or needed or self.level in HEEDLESS else replace(self, imatrix="")


def _recipe(made: Format) -> Recipe:
    direct = made.label in WRITTEN_DIRECTLY
    return Recipe(made.id, made.id, made.label, "" if direct else "lossless")


RECIPES: dict[str, Recipe] = {
    made.id: _recipe(made) for made in (*FORMATS.values(), *MORE_FORMATS.values()) if made.family is Family.GGUF
}

# Levels with tensors that llama.cpp refuses to write without an importance matrix (``tensor_requires_imatrix``).
NEED_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S"})
# Types that a pattern may give a tensor, of which the same is true.
_TYPES_THAT_NEED_IMATRIX = frozenset({"IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS"})
# Levels whose types are written without a look at the matrix (ggml-quants.c: ``(void)quant_weights``).
HEEDLESS = frozenset({"F32", "F16", "BF16", "Q8_0", "TQ1_0", "TQ2_0", "MXFP4_MOE"})
# Levels for weights that were trained to have two, three or four values.
FOR_FEW_VALUES = frozenset({"TQ1_0", "TQ2_0", "Q1_0", "Q2_0"})

# What people may keep at a better type, in words → what is overridden.
KEPT: dict[str, str] = {"embeddings": "token_embd", "output": "output", "attention": r"attn_(q|k|v|qkv|output)\.weight"}
KEPT_TYPE = "Q8_0"
_OVERRIDE_TYPES = frozenset(BLOCK_TYPES) - {"Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64", "NVFP4"}


def recipe_for(format_id: str) -> Recipe:
    """Return the recipe of a format. Raises :class:`Refused` for a format that Halfbyte does not make."""
    recipe = RECIPES.get(format_id)
    if recipe is None:
        made = FORMATS.get(format_id)
        what = f"{made.label} is not made here yet" if made else f"“{format_id}” is no format"
        raise Refused(f"{what}.", f"Choose one of: {', '.join(RECIPES)}.")
    return recipe


def override(text: str) -> tuple[str, str]:
    """Return an override as a person writes it: ``embeddings``, ``attention=Q6_K``, ``ffn_down=Q5_K``.

    Raises :class:`Refused` for a type that is none and for a pattern that cannot be searched.
    """
    what, _, kind = text.partition("=")
    kind = (kind or KEPT_TYPE).upper()
    if kind not in _OVERRIDE_TYPES:
        raise Refused(f"“{kind}” is no type of a tensor.", f"Choose one of: {', '.join(sorted(_OVERRIDE_TYPES))}.")
    pattern = KEPT.get(what, what).lower()
    try:
        re.compile(pattern)
    except re.error as error:
        raise Refused(f"“{what}” cannot be searched in the names of tensors: {error}.") from error
    if not what:
        raise Refused("An override names a tensor.", f"Write {', '.join(KEPT)}, or a part of a name: ffn_down=Q6_K.")
    return pattern, kind
