"""The recipes: how a format is made. A recipe is a value; it goes into the record of what was made with it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import Refused
from engine.formats import FORMATS, Family, Format

# What llama.cpp's converter writes by itself; other levels are quantized from a file at the source's own precision.
WRITTEN_DIRECTLY = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q8_0": "q8_0"}
# Type of the source's tensors → the type that keeps all of its bits.
LOSSLESS = {"F64": "f32", "F32": "f32", "F16": "f16", "BF16": "bf16"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make one GGUF level.

    ``intermediate`` is what the converter writes before the quantizer takes over: ``lossless`` (the source's own
    precision), or "" where the converter writes the level itself. ``overrides`` give tensors whose name fits a pattern
    another type; there are none yet.
    """

    id: str
    format_id: str
    level: str
    intermediate: str
    overrides: tuple[tuple[str, str], ...] = ()

    def output_type(self, stored_type: str) -> str:
        """Return what the converter is to write for weights that are stored as ``stored_type``."""
        return WRITTEN_DIRECTLY[self.level] if not self.intermediate else LOSSLESS.get(stored_type, "f16")


def _recipe(made: Format) -> Recipe:
    direct = made.label in WRITTEN_DIRECTLY
    return Recipe(made.id, made.id, made.label, "" if direct else "lossless")


RECIPES: dict[str, Recipe] = {made.id: _recipe(made) for made in FORMATS.values() if made.family is Family.GGUF}


def recipe_for(format_id: str) -> Recipe:
    """Return the recipe of a format. Raises :class:`Refused` for a format that Halfbyte does not make."""
    recipe = RECIPES.get(format_id)
    if recipe is None:
        made = FORMATS.get(format_id)
        what = f"{made.label} is not made here yet" if made else f"“{format_id}” is no format"
        raise Refused(f"{what}.", f"Choose one of: {', '.join(RECIPES)}.")
    return recipe
