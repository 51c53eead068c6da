"""Plans for folder formats, from headers alone; no torch is needed to say what stands in the way."""

from __future__ import annotations

import dataclasses
import json
import re
from collections import namedtuple
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from engine.catalog.library import Library
from engine.convert import places
from engine.convert.folders import plan as planning
from engine.convert.folders.card_room import (
    CardRoom,
    card_notes,
    card_problems,
    card_room,
    inputs_bytes,
    offloading_s,
)
from engine.convert.folders.plan import FolderOptions, FolderPlan, folder_plan, target_of
from engine.convert.folders.recipes import AUTOAWQ, FOLDER_RECIPES, FolderRecipe
from engine.convert.plan import Options, plan
from engine.errors import DiskFull, NotFound, PackageMissing, Refused, UnsupportedModel
from engine.formats import FORMATS
from engine.machine.facts import Gpu
from tests.helpers.models import facts_of

np = pytest.importorskip("numpy")
GB = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "models" / "someone" / "tiny", 192)


def write_folder(folder: Path, width: int, **config: object) -> Path:
    """Write a Llama of one layer; the class is one that llama.cpp's converter never heard of, which matters not."""
    folder.mkdir(parents=True)
    shapes = {
        "model.embed_tokens.weight": (320, width),
        "model.norm.weight": (width,),
        "model.layers.0.input_layernorm.weight": (width,),
        "model.layers.0.post_attention_layernorm.weight": (width,),
        **{f"model.layers.0.self_attn.{name}_proj.weight": (width, width) for name in "qkvo"},
        **{f"model.layers.0.mlp.{name}_proj.weight": (2 * width, width) for name in ("gate", "up")},
        "model.layers.0.mlp.down_proj.weight": (width, 2 * width),
    }
    save_file({name: np.ones(shape, np.float16) for name, shape in shapes.items()}, folder / "model.safetensors")
    told = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_attention_heads": 3,
        "num_hidden_layers": 1,
        "vocab_size": 320,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
    }
    (folder / "config.json").write_text(json.dumps({**told, **config}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def planned(folder: Path, format_id: str, options: FolderOptions = FolderOptions()) -> FolderPlan:  # noqa: B008
    library = Library(folder.parents[1])
    return folder_plan(folder, format_id, target_of(library, library.entry_at(folder), format_id), library, options)


def test_lies_beside_its_original(folder: Path) -> None:
    assert planned(folder, "bnb-nf4").target == folder.parent / "tiny-NF4"
    assert planned(folder, "awq-int4-g128").target == folder.parent / "tiny-AWQ-INT4"


def test_autoawq_is_another_maker_of_the_same_format(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        planning, "versions_here", lambda name, packages: asked.append(name) or dict.fromkeys(packages, "")
    )
    library = Library(folder.parents[1])
    target = target_of(library, library.entry_at(folder), AUTOAWQ.id)
    assert target == folder.parent / "tiny-AWQ-INT4-autoawq", "both may lie in the library"
    plan = folder_plan(folder, AUTOAWQ.id, target, library)
    assert (plan.makes, planned(folder, "awq-int4-g128").makes) == ("AWQ INT4 (AutoAWQ)", "AWQ INT4")
    assert plan.format is FORMATS["awq-int4-g128"] and plan.recipe.calibrates and plan.recipe.group == 64
    (missing,) = [one for one in plan.problems if isinstance(one, PackageMissing)]
    assert asked == ["autoawq", "cuda"] and missing.details["environment"] == "autoawq"
    assert "halfbyte environments set-up autoawq" in missing.hint and "pip" not in missing.hint
    assert FolderRecipe.of_record(dataclasses.asdict(plan.recipe)) == plan.recipe


def test_groups_fit_the_widths_and_the_plan_says_so(folder: Path, tmp_path: Path) -> None:
    plan = planned(folder, "gptq-int4-g128")
    assert plan.recipe.group == 64
    assert any("groups of 64" in note for note in plan.notes)
    wide = planned(write_folder(tmp_path / "models" / "someone" / "wide", 384), "gptq-int4-g128")
    assert wide.recipe.group == 128
    assert not any("groups of" in note for note in wide.notes)


def test_says_which_packages_are_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def versions(environment: str, packages: tuple[str, ...]) -> dict[str, str]:
        return {name: "" if name == "gptqmodel" else "1.0" for name in packages}

    monkeypatch.setattr(planning, "versions_here", versions)
    assert not [problem for problem in planned(folder, "bnb-nf4").problems if isinstance(problem, PackageMissing)]
    (missing,) = [one for one in planned(folder, "awq-int4-g128").problems if isinstance(one, PackageMissing)]
    assert missing.details["package"] == "gptqmodel"
    assert "Machine page" in missing.hint
    assert "environments set-up cuda" in missing.hint


def test_what_is_no_text_is_not_calibrated_on(folder: Path, tmp_path: Path) -> None:
    library, good, wide = Library(tmp_path / "models"), tmp_path / "good.txt", tmp_path / "wide.txt"
    good.write_text("Grüße", "utf-8")
    wide.write_text("Grüße", "utf-16")
    absent, weights = tmp_path / "absent.txt", folder / "model.safetensors"
    for file, words in ((good, ""), (wide, "no text"), (weights, "no text"), (absent, "absent.txt"), (tmp_path, "")):
        of_folder = planned(folder, "gptq-int4-g128", FolderOptions((file,)))
        of_file = plan(
            folder, "gguf-q4_0", tmp_path / "o.gguf", library, Options(computes_importance=True, calibration=(file,))
        )
        for problems in (of_folder.problems, of_file.problems):
            told = [one for one in problems if isinstance(one, NotFound | Refused) and file.name in one.message]
            assert len(told) == (file is not good)
            assert all(words in one.message and one.hint for one in told)


def test_a_target_in_a_file_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    library = Library(tmp_path / "models")
    of_folder = folder_plan(folder, "bnb-nf4", tmp_path / "file" / "deep" / "result", library)
    of_file = plan(folder, "gguf-q8_0", tmp_path / "file" / "result.gguf", library)
    for problems in (of_folder.problems, of_file.problems):
        assert any("is a file: nothing can lie in it" in problem.message for problem in problems)


def test_what_an_earlier_try_left_is_not_asked_of_the_disk_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def problem() -> bool:
        return any(isinstance(one, DiskFull) for one in planned(folder, "gptq-int4-g128").problems)

    needs = planned(folder, "gptq-int4-g128").needs
    assert needs is not None
    usage = namedtuple("usage", "total used free")(0, 0, needs.disk_bytes - 1)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: usage)
    assert problem()
    finished = folder.parent / "converting-999999999-0123456789abcdef.part" / "finished"
    finished.mkdir(parents=True)
    (finished / "layer").write_bytes(b"x")
    assert not problem()


def test_refuses_what_is_packed_already(tmp_path: Path) -> None:
    quantization = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    packed = write_folder(tmp_path / "models" / "someone" / "packed", 192, quantization_config=quantization)
    plan = folder_plan(packed, "gptq-int4-g128", tmp_path / "result", Library(tmp_path / "models"))
    assert any(isinstance(problem, Refused) and "quantized already" in problem.message for problem in plan.problems)


def test_refuses_a_gguf_file_and_a_target_that_is_there(folder: Path, tmp_path: Path) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF")
    plan = folder_plan(gguf, "bnb-nf4", folder, Library(tmp_path / "models"))
    assert any("original model's folder" in obstacle for obstacle in plan.obstacles)
    assert any("exists already" in obstacle for obstacle in plan.obstacles)


def test_names_a_text_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    plan = planned(folder, "awq-int4-g128", FolderOptions((tmp_path / "none.txt",), 16))
    assert any(isinstance(problem, NotFound) and "none.txt" in problem.message for problem in plan.problems)
    assert plan.recipe.samples == 16


def test_formats_without_calibration_have_no_samples(folder: Path) -> None:
    plan = planned(folder, "bnb-int8", FolderOptions(samples=16))
    assert not plan.recipe.calibrates
    assert plan.needs is not None
    assert plan.needs.result_bytes < plan.source.size_bytes + (2 << 20)


def test_a_recipe_survives_its_record() -> None:
    for recipe in FOLDER_RECIPES.values():
        assert FolderRecipe.of_record(json.loads(json.dumps(dataclasses.asdict(recipe)))) == recipe


def test_refuses_weights_under_a_name_that_transformers_does_not_read(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    assert any("Rename the file to model.safetensors" in obstacle for obstacle in planned(folder, "bnb-nf4").obstacles)


def card(free_gb: float) -> Gpu:
    return Gpu("nvidia", "RTX 4090", int(free_gb * GB), int(free_gb * GB), compute_capability="8.9")


@pytest.mark.parametrize("recipe_id", ["gptq-int4-g128", "awq-int4-g128", AUTOAWQ.id, "bnb-nf4"])
def test_a_model_of_70_billion_parameters_is_made_on_a_card_of_24_gb(recipe_id: str) -> None:
    """The plan says what waits where; the comparison afterwards is computed in parts, and takes its time."""
    facts, recipe = facts_of("Llama-3.3-70B"), FOLDER_RECIPES[recipe_id]
    room = card_room(facts, recipe, card(23.5))
    assert room and room.offloads
    assert room.making_bytes < room.free_bytes == int(23.5 * GB)
    assert room.peak_bytes <= room.free_bytes
    assert not list(card_problems(room))
    (note,) = card_notes(room, recipe, facts.layers)
    assert "142 GB" in note and "23.5 GB are free" in note
    assert ("its 80 layers go onto the card one after the other" in note) is recipe.calibrates
    assert "in parts" in note
    assert offloading_s(room) > 120


def test_the_room_for_autoawq_is_what_it_has_at_once() -> None:
    """To try scales, the inputs of all samples and two answers to them; the inputs of all matrices in main memory."""
    facts, ours = facts_of("Llama-3-8B"), FOLDER_RECIPES["awq-int4-g128"]
    room, theirs = card_room(facts, ours, card(80)), card_room(facts, AUTOAWQ, card(80))
    assert room and theirs
    scaling_bytes = 128 * 512 * (14336 * 2 + 4096 * (2 + 2 + 2 + 4 + 4))
    assert theirs.making_bytes > scaling_bytes
    answers_bytes = (1 << 30) // (6 * 4096) * 14336 * 8  # through a layer's inner width, as many tokens as make 1 GiB
    assert room.making_bytes > answers_bytes > 256 * 512 * 14336 * 2
    few = card_room(facts, dataclasses.replace(AUTOAWQ, samples=16), card(80))
    assert few and few.making_bytes > 256 * 512 * 14336 * 2, "however few samples, it tries clippings of 256 rows"
    assert inputs_bytes(facts, AUTOAWQ) == 2 * 2 * 128 * 512 * (6 * 4096 + 14336)
    assert inputs_bytes(facts, ours) == 0


def test_layers_of_autoawq_wait_in_main_memory_alone() -> None:
    facts = facts_of("Llama-3.3-70B")
    room = card_room(facts, AUTOAWQ, card(23.5))
    assert room
    (note,) = card_notes(room, AUTOAWQ, facts.layers)
    assert "wait in main memory." in note and "disk" not in note


def test_a_card_that_is_too_small_for_one_layer_is_a_problem() -> None:
    room = card_room(facts_of("Llama-3.3-70B"), FOLDER_RECIPES["gptq-int4-g128"], card(12))
    assert room
    (problem,) = card_problems(room)
    assert "Fewer samples take less" in problem.hint
    assert problem.details["where"] == "GPU memory" and problem.details["needed_bytes"] > 12 * GB


def test_a_model_that_the_card_holds_is_not_offloaded() -> None:
    room = card_room(facts_of("Qwen2.5-0.5B"), FOLDER_RECIPES["awq-int4-g128"], card(24))
    assert room and not room.offloads and not list(card_notes(room, FOLDER_RECIPES["awq-int4-g128"], 24))
    assert offloading_s(room) == 0
    assert card_room(facts_of("Qwen2.5-0.5B"), FOLDER_RECIPES["awq-int4-g128"], None) is None


def test_a_model_that_the_card_does_not_hold_writes_on_the_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((card(0.9),), ()))
    monkeypatch.setattr(planning, "card_room", lambda *given: CardRoom(10, 100, 50))
    itself = planned(folder, "gptq-int4-g128", FolderOptions(own_words=7))
    assert any("writes its text on the processor" in note for note in itself.notes)
    ours = planned(folder, "gptq-int4-g128")
    assert not any("writes its text" in note for note in ours.notes)
    assert itself.needs and ours.needs and itself.needs.seconds > ours.needs.seconds


def test_finished_layers_wait_on_the_disk_beside_the_result(folder: Path) -> None:
    needs = planned(folder, "gptq-int4-g128").needs
    assert needs and 2 * needs.result_bytes < needs.disk_bytes < 3 * needs.result_bytes
    packed = planned(folder, "bnb-nf4").needs
    assert packed and packed.disk_bytes == packed.result_bytes


def test_the_plan_tells_of_the_cards_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((card(24),), ()))
    needs = planned(folder, "gptq-int4-g128").needs
    assert needs and 0 < needs.gpu_bytes < 24 * GB


def test_a_processor_takes_much_longer_and_the_plan_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((), ()))
    slow = planned(folder, "awq-int4-g128")
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((card(24),), ()))
    fast = planned(folder, "awq-int4-g128")
    assert slow.needs
    assert fast.needs
    assert slow.needs.seconds > fast.needs.seconds
    assert any("none was found here" in note for note in slow.notes)
    assert not any("none was found here" in note for note in fast.notes)


def test_autoawq_takes_several_times_as_long_on_a_card(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((card(24),), ()))
    others, its = (planned(folder, recipe_id).needs for recipe_id in ("awq-int4-g128", AUTOAWQ.id))
    assert others and its and its.seconds - others.seconds > others.seconds / 2


@pytest.mark.parametrize("recipe_id", ["gptq-int4-g128", "awq-int4-g128", AUTOAWQ.id])
def test_fewer_samples_take_less_time_on_a_processor(
    folder: Path, monkeypatch: pytest.MonkeyPatch, recipe_id: str
) -> None:
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((), ()))
    few, usual, many = (planned(folder, recipe_id, FolderOptions(samples=samples)).needs for samples in (8, 0, 1024))
    assert few and usual and many and few.seconds < usual.seconds < many.seconds


def test_more_and_longer_samples_take_more_time_and_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((card(80),), ()))
    room = FOLDER_RECIPES["gptq-int4-g128"]
    usual, more, longer = (
        planned(folder, room.id, FolderOptions(samples=samples, sample_tokens=tokens)).needs
        for samples, tokens in ((128, 0), (512, 0), (128, 2048))
    )
    assert usual and more and longer
    assert usual.seconds < more.seconds == longer.seconds
    assert more.gpu_bytes - usual.gpu_bytes == longer.gpu_bytes - usual.gpu_bytes == 2 * 2 * 3 * 128 * 512 * 192
    monkeypatch.setattr(planning.nvidia, "read", lambda sources: ((), ()))
    slow, slower = (planned(folder, room.id, FolderOptions(samples=count)).needs for count in (128, 512))
    assert slow and slower and slower.memory_bytes > slow.memory_bytes


def test_no_sample_is_longer_than_what_the_model_sees(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "short", 192, max_position_embeddings=1024)
    longest = planned(folder, "awq-int4-g128", FolderOptions(sample_tokens=4096))
    assert longest.recipe.sample_tokens == 1024
    assert any("samples are cut down to that" in note for note in longest.notes)
    usual = planned(folder, "awq-int4-g128", FolderOptions(sample_tokens=256))
    assert usual.recipe.sample_tokens == 256 and not any("cut down" in note for note in usual.notes)
    assert not any("cut down" in note for note in planned(folder, "bnb-nf4", FolderOptions(sample_tokens=4096)).notes)


def test_pickles_are_refused_with_the_reason(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    plan = planned(folder, "bnb-nf4")
    assert any("pickles (pytorch_model.bin), which can hold programs" in obstacle for obstacle in plan.obstacles)
    assert any("Get this model as safetensors" in obstacle for obstacle in plan.obstacles)


def test_a_models_own_code_is_told_of(folder: Path, tmp_path: Path) -> None:
    assert not any("program code" in note for note in planned(folder, "bnb-nf4").notes)
    auto_map = {"AutoModelForCausalLM": "modeling_tiny.Tiny"}
    other = write_folder(tmp_path / "models" / "someone" / "coded", 192, auto_map=auto_map)
    assert any("program code of its own, which Halfbyte never runs" in note for note in planned(other, "bnb-nf4").notes)


@pytest.mark.parametrize(
    ("width", "format_id", "words"),
    [
        (72, "gptq-int4-g128", "its width of .* is no multiple of 32 weights"),
        (72, "awq-int4-g128", "its width of .* is no multiple of 32 weights"),
        (160, "awq-int4-g128", "AWQ clips 64 rows at a time, of which 160 is no multiple"),
        (160, "gptq-int4-g128", ""),
        (72, "bnb-nf4", ""),
        (192, "awq-int4-g128", ""),
    ],
)
def test_widths_that_a_format_cannot_have_are_told_before(
    tmp_path: Path, width: int, format_id: str, words: str
) -> None:
    plan = planned(write_folder(tmp_path / "models" / "someone" / "odd", width), format_id)
    unfit = [problem.message for problem in plan.problems if isinstance(problem, UnsupportedModel)]
    assert bool(unfit) == bool(words) and (not words or re.search(words, unfit[0]))


@pytest.mark.parametrize("format_id", ["gptq-int4-g128", "awq-int4-g128", AUTOAWQ.id])
@pytest.mark.parametrize("model", ["Llama-3-8B", "Qwen2.5-0.5B", "gemma-3-4b", "Phi-3-mini-4k", "SmolLM2-135M"])
def test_widths_of_well_known_models_fit(model: str, format_id: str) -> None:
    facts = facts_of(model)
    recipe = planning.with_options(FOLDER_RECIPES[format_id], FolderOptions(), facts)
    assert not list(planning.width_problems(facts, recipe))
