from __future__ import annotations

from dataclasses import replace

import pytest

from engine.convert.recipes import RECIPES, recipe_for
from engine.errors import Refused
from engine.formats import FORMATS, MORE_FORMATS, Family


def test_there_is_one_for_each_gguf_level() -> None:
    rows = (*FORMATS.values(), *MORE_FORMATS.values())
    assert set(RECIPES) == {made.id for made in rows if made.family is Family.GGUF}


@pytest.mark.parametrize(
    ("format_id", "stored", "written"),
    [
        ("gguf-q4_k_m", "BF16", "bf16"),
        ("gguf-q4_k_m", "F16", "f16"),
        ("gguf-q4_k_m", "F32", "f32"),
        ("gguf-f16", "BF16", "f16"),
        ("gguf-q8_0", "F32", "q8_0"),
    ],
)
def test_what_the_converter_writes(format_id: str, stored: str, written: str) -> None:
    """An intermediate file loses nothing; the levels that the converter knows need none."""
    assert recipe_for(format_id).output_type(stored) == written
    assert bool(recipe_for(format_id).intermediate) == (format_id == "gguf-q4_k_m")


@pytest.mark.parametrize("format_id", ["awq-int4-g128", "bnb-nf4", "gguf-q9_9"])
def test_other_formats_are_refused(format_id: str) -> None:
    with pytest.raises(Refused) as refused:
        recipe_for(format_id)
    assert "gguf-q4_k_m" in refused.value.hint


@pytest.mark.parametrize(
    ("level", "overrides", "there"),
    [
        ("Q4_K_M", (), True),
        ("IQ4_XS", (("attn_v", "Q8_0"),), True),
        ("Q4_K_M", (("ffn_down", "IQ2_XS"),), False),
        ("IQ2_XXS", (), False),
        ("Q8_0", (), False),
    ],
)
def test_what_an_importance_matrix_changes_can_be_made_without_it(
    level: str, overrides: tuple[tuple[str, str], ...], there: bool
) -> None:
    plain = replace(recipe_for(f"gguf-{level.lower()}"), overrides=overrides)
    assert plain.without_importance is None
    assert replace(plain, imatrix="computed").without_importance == (plain if there else None)
