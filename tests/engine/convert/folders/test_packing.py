"""Folders packed on the processor, of a model of two layers; skipped where the libraries are not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the optional group cuda is not installed")
pytest.importorskip("transformers", reason="the optional group cuda is not installed")
pytest.importorskip("accelerate", reason="the optional group cuda is not installed")
pytest.importorskip("bitsandbytes", reason="the optional group cuda is not installed")

from safetensors import SafetensorError  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from engine.catalog.facts import read_facts  # noqa: E402
from engine.convert import room  # noqa: E402
from engine.convert.folders.recipes import FOLDER_RECIPES, FolderRecipe  # noqa: E402
from engine.convert.methods import bnb, calibration, described, fidelity, pytorch, shards, writing  # noqa: E402
from engine.errors import DamagedFile, NotEnoughMemory, Refused, UnsupportedModel  # noqa: E402
from engine.handover.support import method_of  # noqa: E402
from engine.process.host import Worker  # noqa: E402
from tests.device.torch_folders import Shape, write_folder  # noqa: E402
from tests.helpers.byte_tokenizer import SPECIAL, byte_tokenizer  # noqa: E402

TINY = Shape(256, 2, 512, 4, 2, 256 + len(SPECIAL))
TEXT = "All happy families are alike. " * 40


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    folder = write_folder(tmp_path / "tiny", TINY, "plain")
    next(folder.glob("*.safetensors")).rename(folder / "model.safetensors")
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    (folder / "README.md").write_text("of its makers")
    return folder


def made(source: Path, format_id: str, shown: list[tuple[int, int]] | None = None) -> tuple[Path, dict[str, Any]]:
    target = source.with_name(format_id)
    target.mkdir()
    files = tuple(sorted(source.glob("*.safetensors")))
    return target, bnb.make(source, files, target, format_id, lambda *at: None if shown is None else shown.append(at))


@pytest.mark.parametrize(("format_id", "most"), [("bnb-nf4", 0.2), ("bnb-int8", 0.01)])
def test_loads_through_plain_transformers_and_answers_as_its_original(
    source: Path, format_id: str, most: float
) -> None:
    shown: list[tuple[int, int]] = []
    target, told = made(source, format_id, shown)
    assert told["layers"] == 14
    assert told["kept"] == ["lm_head"]
    assert shown[-1][0] == shown[-1][1]
    assert read_facts(target).format_id == format_id
    assert (target / "README.source.md").read_text() == "of its makers"
    found = fidelity.fidelity(source, target, TEXT, fidelity.plain, lambda *_: None)
    assert 0 <= found.divergence < most


def test_is_what_the_library_itself_saves(source: Path) -> None:
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig  # pyright: ignore[reportMissingImports]

    target, _ = made(source, "bnb-nf4")
    settings = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True)
    model = AutoModelForCausalLM.from_pretrained(source, quantization_config=settings, dtype=torch.bfloat16)
    expected, found = model.state_dict(), load_file(target / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    assert torch.equal(expected[name].flatten(), found[name].flatten())
    assert torch.equal(expected[f"{name}.absmax"], found[f"{name}.absmax"])


def test_keeps_tied_embeddings_once(source: Path) -> None:
    config = json.loads((source / "config.json").read_text())
    (source / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    weights = load_file(source / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].clone()
    save_file(weights, source / "model.safetensors")
    target, _ = made(source, "bnb-nf4")
    assert "lm_head.weight" not in load_file(target / "model.safetensors")


def test_refuses_weights_that_are_no_numbers(source: Path) -> None:
    weights = load_file(source / "model.safetensors")
    weights["model.layers.0.mlp.up_proj.weight"][3, 5] = float("nan")
    save_file(weights, source / "model.safetensors")
    with pytest.raises(DamagedFile, match="up_proj"):
        made(source, "bnb-int8")


def test_refuses_tensors_that_its_class_does_not_have(source: Path) -> None:
    weights = load_file(source / "model.safetensors")
    weights["model.layers.0.mlp.experts.0.up_proj.weight"] = torch.ones(4, 4)
    save_file(weights, source / "model.safetensors")
    with pytest.raises(UnsupportedModel, match=r"“llama”: its class in transformers has no tensor .*experts"):
        made(source, "bnb-nf4")


def test_a_full_disk_is_waited_for(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")] * 2
    told: list[str] = []

    def full_at_first(*given: Any, **named: Any) -> None:
        if answers:
            raise answers.pop()
        save_file(*given, **named)

    monkeypatch.setattr(shards, "save_file", full_at_first)
    monkeypatch.setattr(room, "LOOK_AGAIN_S", 0.0)
    target = source.with_name("bnb-nf4")
    target.mkdir()
    patiently = room.Room(target, told.append).wait_for
    bnb.make(source, (source / "model.safetensors",), target, "bnb-nf4", lambda *_: None, patiently)
    assert [room.GOES_ON in told, len(told)] == [True, 2]
    assert read_facts(target).format_id == "bnb-nf4"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"num_hidden_layers": 3}, r"the tensor model\.layers\.2\..*, found none of that name"),
        ({"vocab_size": 999}, r"embed_tokens\.weight of the shape .*, as the weights have, found \(999, 256\)"),
        ({"intermediate_size": 64}, "gate_proj"),
        ({"num_attention_heads": 3}, "a model's configuration|q_proj"),
        ({"tie_word_embeddings": True}, ""),
        ({"model_type": "never-heard-of"}, ""),  # whoever is to make it says so
    ],
)
def test_weights_that_config_json_does_not_describe_are_told_before_they_are_read(
    source: Path, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    config = source / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    weights = load_file(source / "model.safetensors")
    if changes.get("tie_word_embeddings"):
        del weights["lm_head.weight"]
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)  # as folders of the first Llamas have
    save_file(weights, source / "model.safetensors")
    files = (source / "model.safetensors",)
    if not words:
        described.check(source, files)
        return
    with pytest.raises(DamagedFile, match=words):
        described.check(source, files)
    with pytest.raises(DamagedFile, match=words):  # and not as a mistake of ours, whatever a library makes of it
        packed_by_the_worker(source, tmp_path, "bnb-nf4")


def samples_of(recipe: FolderRecipe) -> Any:
    return lambda tokenizer: calibration.samples([TEXT], tokenizer, recipe.samples, recipe.sample_tokens)


def test_the_model_writes_its_samples_itself_and_a_killed_conversion_goes_on_with_them(
    source: Path, tmp_path: Path
) -> None:
    recipe = replace(FOLDER_RECIPES["gptq-int4-g128"], samples=5, sample_tokens=24)
    told: list[tuple[int, int]] = []

    def write(place: str, seed: int) -> Any:
        (tmp_path / place).mkdir(exist_ok=True)
        return writing.own_samples(source, recipe, seed, tmp_path / place, lambda *at: told.append(at))

    first = write("one", 3)
    assert told[-1] == (120, 120)
    assert {len(row) for row in first.tokens} == {24} and len(first.tokens) == 5
    assert write("two", 3) == first
    assert write("three", 4).sha256 != first.sha256
    count = len(told)
    assert write("one", 3) == first
    assert len(told) == count, "those that were kept are not written again"


@pytest.mark.filterwarnings("ignore")  # the library's own
@pytest.mark.parametrize("format_id", ["gptq-int4-g128", "awq-int4-g128"])
def test_calibrated_formats_answer_as_their_original(source: Path, format_id: str, tmp_path: Path) -> None:
    pytest.importorskip("gptqmodel", reason="the optional group gptq is not installed")
    from engine.convert.methods import gptq

    target = tmp_path / format_id
    target.mkdir()
    layers: list[tuple[float, int]] = []
    recipe = replace(FOLDER_RECIPES[format_id], samples=4, sample_tokens=64)
    told = gptq.make(source, target, tmp_path / "work", recipe, samples_of(recipe), lambda *at: layers.append(at))
    assert (layers[0], layers[-1]) == ((0, 2), (2, 2)) and layers == sorted(layers)
    assert 1 <= layers[1][0] < 2, "the second layer is told when it begins, or in parts"
    assert told["samples"] == 4
    facts = read_facts(target)
    assert facts.format_id.startswith(format_id[:4])
    assert method_of(facts).flag == format_id[:4].strip("-"), "vLLM loads it"
    assert str(tmp_path) not in "".join(file.read_text("utf-8") for file in target.glob("*.json"))
    told_of_it = json.loads((target / "config.json").read_text())
    assert told_of_it.pop("quantization_config")["bits"] == 4
    assert told_of_it == json.loads((source / "config.json").read_text()), "in its source's words, old or new"
    assert all(file.is_file() for file in target.iterdir())
    assert {file.name for file in target.iterdir()} >= {"config.json", "tokenizer.json", "README.source.md"}
    assert fidelity.fidelity(source, target, TEXT, gptq.load, lambda *_: None).divergence < 0.2


KILLED = """
import os, sys
from dataclasses import asdict, replace
from pathlib import Path
from engine.convert.folders.recipes import FOLDER_RECIPES
from engine.convert.methods import calibration, gptq

source, target, work, format_id, text = sys.argv[1:]
recipe = replace(FOLDER_RECIPES[format_id], samples=4, sample_tokens=64)
samples = lambda tokenizer: calibration.samples([text], tokenizer, 4, 64)
gptq.make(Path(source), Path(target), Path(work), recipe, samples, lambda done, _: done == 2 and os._exit(9))
"""


@pytest.mark.filterwarnings("ignore")  # the library's own
def test_goes_on_after_the_last_finished_layer(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gptqmodel", reason="the optional group gptq is not installed")
    from engine.convert.methods import gptq

    format_id, work, target = "gptq-int4-g128", tmp_path / "work", tmp_path / "result"
    target.mkdir()
    arguments = [str(source), str(target), str(work), format_id, TEXT]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, check=False)
    assert killed.returncode == 9, killed.stderr[-2000:]
    layers: list[float] = []
    begun: list[int] = []
    monkeypatch.setattr(gptq.Within, "begin", lambda self, layer: begun.append(layer))
    recipe = replace(FOLDER_RECIPES[format_id], samples=4, sample_tokens=64)
    gptq.make(source, target, work, recipe, samples_of(recipe), lambda done, _: layers.append(done))
    assert (begun, layers) == ([1], [0, 2])
    assert fidelity.fidelity(source, target, TEXT, gptq.load, lambda *_: None).divergence < 0.2


def test_numbers_beyond_fp16_are_told_as_the_cause(source: Path, tmp_path: Path) -> None:
    """The original computes in BF16 what FP16 cannot hold."""
    target = tmp_path / "half"
    made_of = load_file(source / "model.safetensors")
    for name in list(made_of):
        if name.endswith("mlp.up_proj.weight"):
            made_of[name] = made_of[name] * 500_000
    save_file(made_of, source / "model.safetensors", {"format": "pt"})
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    with pytest.raises(Refused, match=r"numbers reach .* FP16, which ends at 65,504") as caught:
        fidelity.fidelity(source, target, TEXT, lambda *given: fidelity.plain(*given).half(), lambda *_: None)
    assert "BF16" in caught.value.hint


def test_a_model_that_fits_nowhere_is_compared_out_of_its_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.integrations import accelerate

    monkeypatch.setattr(fidelity, "_place_for", lambda *_: "auto")
    monkeypatch.setattr(accelerate, "get_max_memory", lambda *_: {"cpu": 400_000})
    result = tmp_path / "result"
    result.mkdir()
    seen: list[set[Any]] = []

    def load(folder: Path, device: Any) -> Any:
        return fidelity.plain(source, device)

    real = fidelity.plain

    def watched(*given: Any) -> Any:
        model = real(*given)
        seen.append(set(getattr(model, "hf_device_map", {}).values()))
        return model

    monkeypatch.setattr(fidelity, "plain", watched)
    found = fidelity.fidelity(source, result, TEXT, load, lambda *_: None)
    assert "disk" in seen[0]
    assert found.divergence < 1e-6
    assert not list(result.iterdir())


@pytest.mark.parametrize("format_id", ["bnb-nf4", "gptq-int4-g128", "awq-int4-g128"])
def test_a_models_own_code_is_not_run_and_not_handed_on(source: Path, tmp_path: Path, format_id: str) -> None:
    """GPTQModel 7.7.0 imports it although it is told not to trust it."""
    if format_id != "bnb-nf4":
        pytest.importorskip("gptqmodel", reason="the optional group gptq is not installed")
    ran = tmp_path / "ran"
    bring_code(source, "llama", f"open({str(ran)!r}, 'w')")
    result = packed_by_the_worker(source, tmp_path, format_id)
    assert not ran.exists()
    assert not list(result.glob("*.py"))
    assert "auto_map" not in json.loads((result / "config.json").read_text())
    assert json.loads((result / "config.json").read_text())["quantization_config"]


@pytest.mark.parametrize("format_id", ["bnb-int8", "gptq-int4-g128"])
def test_a_model_that_is_nothing_without_its_code_is_refused(source: Path, tmp_path: Path, format_id: str) -> None:
    ran = tmp_path / "ran"
    bring_code(source, "our-own-kind", f"open({str(ran)!r}, 'w')")
    with pytest.raises(UnsupportedModel, match="program code of its own, which Halfbyte never runs") as caught:
        packed_by_the_worker(source, tmp_path, format_id)
    assert caught.value.details["architecture"] == "our-own-kind"
    assert not ran.exists()


def bring_code(folder: Path, kind: str, code: str) -> None:
    (folder / "modeling_tiny.py").write_text(code)
    (folder / "configuration_tiny.py").write_text(code)
    config = json.loads((folder / "config.json").read_text())
    auto_map = {"AutoModelForCausalLM": "modeling_tiny.Tiny", "AutoConfig": "configuration_tiny.TinyConfig"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": kind, "auto_map": auto_map}))


def packed_by_the_worker(source: Path, scratch: Path, format_id: str) -> Path:
    """Pack in a process of its own and compare there, as the app does; raise what the worker answers."""
    recipe = replace(FOLDER_RECIPES[format_id], group=64, samples=4, sample_tokens=24)
    if not FOLDER_RECIPES[format_id].calibrates:
        recipe = FOLDER_RECIPES[format_id]
    target, work, text = scratch / "packed", scratch / "work", scratch / "text.txt"
    target.mkdir()
    work.mkdir()
    text.write_text(TEXT)
    worker = Worker("engine.convert.worker", environment={"HF_HOME": str(scratch / "hf"), "OMP_NUM_THREADS": "1"})
    files = [str(source / "model.safetensors")]
    asked = {"source": str(source), "files": files, "target": str(target), "unfinished": str(work)}
    try:
        worker.ask("pack", **asked, recipe=asdict(recipe), texts=[str(text)]).finish()
        compared = {"format_id": "unknown", "maker": recipe.maker}  # a random model may differ as it likes
        worker.ask("fidelity", original=str(source), result=str(target), **compared).finish()
    finally:
        worker.close()
    return target


@pytest.mark.parametrize(
    "words",
    [
        "unable to mmap 2690 bytes from file <m>: Cannot allocate memory (12)",
        "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory",
    ],
)
def test_a_full_memory_is_no_mistake_of_ours(words: str) -> None:
    with pytest.raises(NotEnoughMemory), pytorch.memory_explained():
        raise RuntimeError(words)
    with pytest.raises(RuntimeError, match="something else"), pytorch.memory_explained():
        raise RuntimeError("something else")
