"""Levels, importance and overrides in a plan: what is refused before a byte is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.convert.plan import Options, Plan, plan, plan_together
from engine.convert.recipes import FOR_FEW_VALUES, NEED_IMATRIX, RECIPES, override
from engine.errors import NotFound, Refused
from tests.helpers.tiny_models import write_tiny_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model("llama", tmp_path / "model")


def made(folder: Path, level: str, options: Options | None = None) -> Plan:
    format_id = f"gguf-{level.lower()}"
    return plan(folder, format_id, folder.parent / "out" / f"{level}.gguf", None, options or Options())


@pytest.mark.parametrize("level", sorted(recipe.level for recipe in RECIPES.values()))
def test_every_level_has_a_plan(folder: Path, level: str) -> None:
    options = Options(computes_importance=True) if level in NEED_IMATRIX else Options()
    planned = made(folder, level, options)
    assert planned.obstacles == ()
    assert planned.needs
    assert planned.needs.result_bytes > 0
    assert any("trained with such weights" in note for note in planned.notes) == (level in FOR_FEW_VALUES)


@pytest.mark.parametrize("level", sorted(NEED_IMATRIX))
def test_a_level_that_needs_importance_says_so(folder: Path, level: str) -> None:
    assert any(
        "importance matrix" in obstacle and "--imatrix auto" in obstacle for obstacle in made(folder, level).obstacles
    )


def test_what_the_converter_writes_alone_takes_no_options(folder: Path) -> None:
    (problem,) = made(folder, "F16", Options(overrides=(("output", "Q8_0"),))).problems
    assert isinstance(problem, Refused)


def test_texts_and_matrices_must_be_there(folder: Path) -> None:
    none = folder / "none.txt"
    problems = made(folder, "Q4_K_M", Options(imatrix=none, calibration=(none,))).problems
    assert [type(problem) for problem in problems] == [NotFound, NotFound]


def test_plans_for_one_run_share_the_disk(folder: Path) -> None:
    plans = plan_together([made(folder, "Q4_K_M"), made(folder, "Q8_0")])
    assert [one.obstacles for one in plans] == [(), ()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embeddings", ("token_embd", "Q8_0")),
        ("output=q6_k", ("output", "Q6_K")),
        ("ffn_down=Q5_K", ("ffn_down", "Q5_K")),
        (r"blk\.0\.", (r"blk\.0\.", "Q8_0")),
    ],
)
def test_overrides_as_people_write_them(text: str, expected: tuple[str, str]) -> None:
    assert override(text) == expected


@pytest.mark.parametrize("text", ["output=q9", "attn_(=Q8_0", "=Q8_0", ""])
def test_overrides_that_are_none(text: str) -> None:
    with pytest.raises(Refused):
        override(text)
