"""Every level that llama.cpp can write, byte for byte as its own quantizer writes it: with importance and overrides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.catalog.records import sha256
from engine.convert.methods import choose, header, importance
from engine.convert.recipes import FOR_FEW_VALUES, NEED_IMATRIX, RECIPES, Recipe
from engine.errors import Refused
from tests.helpers.gguf_files import write_gguf
from tests.helpers.importance import random_importance

# Of the levels that take long, because they search a grid, one of a kind: all were compared once (6 minutes).
SLOW = frozenset({"IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_M"})
LEVELS = [recipe.level for recipe in RECIPES.values() if recipe.level not in {"F16", *SLOW}]
OVERRIDES = (("token_embd", "Q6_K"), ("output", "Q5_K"), ("attn_v", "Q8_0"), ("ffn_down", "Q5_1"))
CASES = [
    *(Recipe(level, level, level, "lossless") for level in LEVELS if level not in NEED_IMATRIX),
    *(
        Recipe(f"{level}-imatrix", level, level, "lossless", (), "given")
        for level in LEVELS
        if level not in FOR_FEW_VALUES
    ),
    Recipe("Q3_K_M-kept", "Q3_K_M", "Q3_K_M", "lossless", OVERRIDES),
    Recipe("IQ2_S-kept", "IQ2_S", "IQ2_S", "lossless", OVERRIDES, "given"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each case made twice: ``ID.ours`` and ``ID.native``."""
    folder = tmp_path_factory.mktemp("levels")
    source = write_gguf(folder / "source.gguf", layers=1)
    importance.write(random_importance(source), folder / "imatrix.dat")
    cases = [[recipe.id, recipe.level, recipe.overrides, recipe.imatrix] for recipe in CASES]
    subprocess.run(
        [sys.executable, "-m", "tests.helpers.both_quantizers", str(source), str(folder / "imatrix.dat"), str(folder)],
        input=json.dumps(cases),
        text=True,
        capture_output=True,
        check=True,
    )
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda recipe: recipe.id)
def test_a_level_is_what_llama_cpp_makes(made: Path, case: Recipe) -> None:
    assert sha256(made / f"{case.id}.ours") == sha256(made / f"{case.id}.native")


def test_importance_and_overrides_make_a_difference(made: Path) -> None:
    for one, other in (("Q4_K_M", "Q4_K_M-imatrix"), ("Q3_K_M", "Q3_K_M-kept")):
        assert sha256(made / f"{one}.ours") != sha256(made / f"{other}.ours")


def test_an_override_that_does_not_fit_the_rows_is_refused(tmp_path: Path) -> None:
    """llama.cpp follows it beyond the end of each row, and dies."""
    source = write_gguf(tmp_path / "source.gguf", width=96)
    layout = header.read(source)
    recipe = Recipe("test", "gguf-q8_0", "Q8_0", "lossless", (("token_embd", "Q6_K"),))
    with pytest.raises(Refused, match="multiple of 256"):
        choose.types_at(source, layout, recipe, None)
