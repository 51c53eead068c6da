from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.catalog.library import Library
from engine.convert import estimates, toolchain
from engine.convert.extras import Wanted
from engine.convert.plan import (
    PARTED_OTHERWISE,
    PLAIN,
    VERIFIED_TOKENIZERS,
    Options,
    Plan,
    plan,
    plan_together,
    together_bytes,
)
from engine.convert.recipes import RECIPES
from engine.errors import DiskFull, NotEnoughMemory, NotFound, Refused, UnsupportedModel
from engine.machine import memory
from engine.machine.facts import Memory
from tests.helpers.gguf_files import write_gguf
from tests.helpers.tiny_models import CASES, write_tiny_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model("llama", tmp_path / "model")


def made(
    source: Path, format_id: str = "gguf-q4_k_m", target: str = "out/model.gguf", options: Options = PLAIN
) -> Plan:
    return plan(source, format_id, source.parent / target, Library(source.parent), options)


def kinds(planned: Plan) -> list[type]:
    return [type(problem) for problem in planned.problems]


def test_a_folder_to_a_quantized_level(folder: Path) -> None:
    planned = made(folder)
    assert (planned.problems, planned.obstacles) == ((), ())
    assert (planned.output_type, planned.quantizes) == ("bf16", True)
    assert planned.format
    assert planned.format.label == "Q4_K_M"
    assert not (folder.parent / "out").exists(), "a plan writes nothing"


@pytest.mark.parametrize("format_id", ["gguf-f16", "gguf-bf16", "gguf-f32", "gguf-q8_0"])
def test_what_the_converter_writes_needs_no_second_file(folder: Path, format_id: str) -> None:
    planned = made(folder, format_id)
    assert not planned.quantizes
    assert planned.needs
    assert planned.needs.disk_bytes == planned.needs.result_bytes


def test_widths_that_fall_back_are_told_with_their_cost(folder: Path) -> None:
    assert any("no multiple of 256" in note and "bits per weight" in note for note in made(folder).notes)
    assert not any("256" in note for note in made(folder, "gguf-q8_0").notes)


def test_widths_that_fit_are_not_told(tmp_path: Path) -> None:
    assert not any("256" in note for note in made(write_gguf(tmp_path / "model-f16.gguf")).notes)


def test_a_family_without_a_real_tokenizer_in_our_tests_is_told(tmp_path: Path, folder: Path) -> None:
    granite = write_tiny_model("granite", tmp_path / "granite")
    assert any("granite" in note for note in made(granite).notes)
    assert not any("family" in note for note in made(folder).notes)


def test_what_is_called_verified_was_seen_with_a_real_tokenizer(tmp_path: Path) -> None:
    outcomes = json.loads((CASES / "real_tokenizers.json").read_text("utf-8"))["outcomes"]
    equal = {row["family"] for row in outcomes if row["file"].startswith("equal")}
    assert equal == VERIFIED_TOKENIZERS
    many = {row["family"] for row in outcomes if row["tokenizer"] != "deepseek_v3" and row["differ"]["bare"] > 5}
    assert many == set(PARTED_OTHERWISE)
    qwen = write_tiny_model("qwen3", tmp_path / "qwen")
    assert any("other tokens" in note for note in made(qwen).notes)


def test_all_obstacles_at_once_each_with_its_next_step(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "tokenizer.json").unlink()
    (folder.parent / "model.gguf").write_bytes(b"x")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(memory, "read", lambda _: Memory(10**9, 1000))
    planned = made(folder, "gguf-q4_k_m", "model.gguf")
    assert kinds(planned) == [NotFound, Refused, DiskFull, NotEnoughMemory]
    assert all(
        problem.hint and problem.hint in words
        for problem, words in zip(planned.problems, planned.obstacles, strict=True)
    )


def test_a_disk_that_is_just_large_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lean = Options(wanted=Wanted(comparison=False))
    needs = made(folder, options=lean).needs
    assert needs
    for free_bytes, expected in ((needs.disk_bytes, []), (needs.disk_bytes - 1, [DiskFull])):
        disk_with(free_bytes, monkeypatch)
        assert kinds(made(folder, options=lean)) == expected


def disk_with(free_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free_bytes))


def test_what_there_is_no_room_for_is_left_out_and_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learns = Options(computes_importance=True)
    most = made(folder, options=learns)
    assert most.needs
    assert (most.compares, most.twin) == (True, RECIPES["gguf-q4_k_m"])
    assert most.needs.disk_bytes == 2 * most.needs.result_bytes + most.needs.shared_bytes
    disk_with(most.needs.disk_bytes - 1, monkeypatch)
    less = made(folder, options=learns)
    assert (less.compares, less.twin, less.problems) == (True, None, ())
    assert any("importance matrix gains will not be shown" in note for note in less.notes)
    plain = made(folder)
    assert plain.needs
    assert plain.compares
    disk_with(plain.needs.disk_bytes - 1, monkeypatch)
    least = made(folder)
    assert (least.compares, least.problems) == (False, ())
    assert any("not be compared with the original" in note for note in least.notes)


def test_what_a_person_asked_for_is_not_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asks = Options(computes_importance=True, wanted=Wanted(comparison=True, gain=True))
    needs = made(folder, options=asks).needs
    assert needs
    disk_with(needs.disk_bytes - 1, monkeypatch)
    assert kinds(made(folder, options=asks)) == [DiskFull]


def test_several_formats_share_the_file_that_is_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans = [made(folder, f"gguf-{level}", f"{level}.gguf") for level in ("q4_k_m", "q6_k")]
    needed_bytes = together_bytes(plans)
    assert needed_bytes == sum(each.needs.result_bytes for each in plans if each.needs) + shared_bytes(plans[0])
    disk_with(needed_bytes, monkeypatch)
    assert all(each.compares for each in plan_together(plans))
    disk_with(needed_bytes - 1, monkeypatch)
    together = plan_together(plans)
    assert [(each.compares, each.problems) for each in together] == [(False, ()), (False, ())]


def shared_bytes(planned: Plan) -> int:
    assert planned.needs
    return planned.needs.shared_bytes


@pytest.mark.parametrize("target", ["model.bin", "model", "out/model.safetensors"])
def test_the_result_is_a_gguf_file(folder: Path, target: str) -> None:
    assert Refused in kinds(made(folder, target=target))


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(folder: Path) -> None:
    locked = folder.parent / "locked"
    locked.mkdir(mode=0o500)
    assert kinds(made(folder, target="locked/model.gguf")) == [Refused]


def test_other_formats_are_refused(folder: Path) -> None:
    planned = made(folder, "awq-int4-g128")
    assert kinds(planned) == [Refused]
    assert planned.needs is None


def test_what_is_no_model(tmp_path: Path) -> None:
    planned = made(tmp_path / "nowhere")
    assert kinds(planned) == [NotFound]
    assert planned.notes == ()


def test_a_gguf_file_is_only_quantized(tmp_path: Path) -> None:
    planned = made(write_gguf(tmp_path / "model-f16.gguf"))
    assert planned.problems == ()
    assert (planned.output_type, planned.quantizes) == ("", True)


@pytest.mark.parametrize(("file_type", "format_id"), [(1, "gguf-f16"), (7, "gguf-f16"), (7, "gguf-q8_0")])
def test_a_gguf_file_is_made_smaller_or_not_at_all(tmp_path: Path, file_type: int, format_id: str) -> None:
    source = write_gguf(tmp_path / "source.gguf", file_type=file_type)
    assert kinds(made(source, format_id)) == [Refused]


def test_a_file_is_never_converted_into_itself(tmp_path: Path) -> None:
    source = write_gguf(tmp_path / "source.gguf")
    (tmp_path / "other.gguf").hardlink_to(source)
    for target in ("source.gguf", "other.gguf"):
        planned = made(source, target=target)
        assert kinds(planned) == [Refused]
        assert "is the model that is to be converted" in planned.obstacles[0]


def test_an_unknown_architecture_needs_no_estimate(folder: Path) -> None:
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("LlamaForCausalLM", "OddForCausalLM"))
    assert UnsupportedModel in kinds(made(folder))


def test_a_smaller_level_never_needs_more(folder: Path) -> None:
    facts = made(folder).source.facts
    assert facts
    sizes = {
        recipe.level: estimates.needs(facts, recipe, recipe.output_type("BF16"), 2, 10**6, 10**6).result_bytes
        for recipe in RECIPES.values()
    }
    order = ["F32", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S"]
    assert [sizes[level] for level in order] == sorted((sizes[level] for level in order), reverse=True)


def test_more_threads_never_take_longer(folder: Path) -> None:
    facts = made(folder).source.facts
    assert facts
    seconds = [
        estimates.needs(facts, RECIPES["gguf-q4_k_m"], "bf16", threads, 0, 0).seconds for threads in (1, 2, 4, 8)
    ]
    assert seconds == sorted(seconds, reverse=True)


def test_what_torch_would_round_otherwise_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_tiny_model("llama", tmp_path / "model", model_type="falcon_mamba")
    assert any("ssm_a" in note for note in made(source).notes)
    monkeypatch.setattr(toolchain, "real_torch", lambda: "torch 2.13.0, transformers 4.57.6")
    assert not any("ssm_a" in note for note in made(source).notes)
