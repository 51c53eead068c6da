"""Weights that are already quantized: told before a byte is made, in words, with what can be done."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog.facts import read_facts
from engine.catalog.library import Library
from engine.convert.plan import Plan, plan
from engine.convert.worth import worth_making
from engine.errors import Refused, UnsupportedModel
from tests.helpers.quantized_folders import FORMS, write_quantized
from tests.helpers.tiny_models import write_tiny_model


def planned(form: str, tmp_path: Path, format_id: str = "gguf-q8_0", **changes: object) -> Plan:
    folder = write_quantized(form, tmp_path / form, **changes)
    return plan(folder, format_id, tmp_path / "made.gguf", Library(tmp_path))


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"awq", "nf4", "mxfp4"}))
def test_what_the_converter_widens_is_told_and_stops_nothing(form: str, tmp_path: Path) -> None:
    found = planned(form, tmp_path)
    assert found.problems == ()
    assert any("already quantized" in note and "stays lost" in note for note in found.notes)


@pytest.mark.parametrize(("form", "words"), [("awq", "AWQ"), ("nf4", "bitsandbytes, 4 bits")])
def test_what_nobody_can_undo_names_the_original_as_the_way(form: str, words: str, tmp_path: Path) -> None:
    (problem,) = planned(form, tmp_path).problems
    assert isinstance(problem, Refused)
    assert f"already quantized ({words})" in problem.message
    assert "original model" in problem.hint


def test_what_only_torch_widens_says_how_to_get_it(tmp_path: Path) -> None:
    (problem,) = planned("int4", tmp_path, format="nvfp4-pack-quantized").problems
    assert isinstance(problem, UnsupportedModel)
    assert ".[convert]" in problem.message


def test_experts_in_mxfp4_stay_what_they_are(tmp_path: Path) -> None:
    (problem,) = planned("mxfp4", tmp_path).problems
    assert "MXFP4_MOE" in problem.hint
    other = plan(tmp_path / "mxfp4", "gguf-mxfp4_moe", tmp_path / "made.gguf", Library(tmp_path))
    assert other.problems == ()
    assert any("bit by bit" in note for note in other.notes)


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"mxfp4"}))
def test_packed_weights_are_seen_with_their_true_shapes(form: str, tmp_path: Path) -> None:
    plain = read_facts(write_tiny_model(FORMS[form][0], tmp_path / "plain"))
    packed = read_facts(write_quantized(form, tmp_path / form))
    assert {tensor.name: tensor.elements for tensor in packed.tensors} == {
        tensor.name: tensor.elements for tensor in plain.tensors
    }


def test_of_experts_in_mxfp4_one_level_is_worth_making(tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    folder = write_quantized("mxfp4", library.folder / "acme" / "small")
    plans = worth_making(folder, library, 64 << 30, 4096)
    assert [each.recipe.level for each in plans if each.recipe] == ["MXFP4_MOE"]
    assert plans[0].problems == ()
