"""Every way in which a folder can be wrong is found from its headers, and all of them at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.convert.source import inspect
from engine.errors import DamagedFile, EngineError, NotFound, Refused, UnsupportedModel
from tests.helpers.safetensors_folder import write_json
from tests.helpers.tiny_models import families, write_tiny_model

INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model("llama", tmp_path / "model", shards=3)


def changed(folder: Path, **values: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", {**config, **values})


def test_a_good_folder_has_no_problems(folder: Path) -> None:
    source = inspect(folder)
    assert source.problems == ()
    assert (source.stored_type, source.family, len(source.files)) == ("BF16", "llama", 3)
    assert source.facts is not None
    assert len(source.facts.tensors) == len(families()["llama"]["tensors"])


@pytest.mark.parametrize("name", sorted(families()))
def test_each_family_is_read(name: str, tmp_path: Path) -> None:
    assert inspect(write_tiny_model(name, tmp_path / "model", "F16")).problems == ()


def _rename_shards(folder: Path, name: str) -> None:
    index = json.loads((folder / INDEX).read_text())
    index["weight_map"] = dict.fromkeys(index["weight_map"], name)
    write_json(folder / INDEX, index)


def _cut(file: Path, keep_bytes: int) -> None:
    file.write_bytes(file.read_bytes()[:keep_bytes])


BREAKAGES: dict[str, tuple[Callable[[Path], object], type[EngineError], str]] = {
    "no config": (lambda folder: (folder / "config.json").unlink(), NotFound, "config.json"),
    "config is no JSON": (lambda folder: (folder / "config.json").write_text("{"), DamagedFile, "config.json"),
    "unknown architecture": (
        lambda folder: changed(folder, architectures=["Llama9ForCausalLM"]),
        UnsupportedModel,
        "Llama9ForCausalLM",
    ),
    "no architecture": (lambda folder: changed(folder, architectures=None), UnsupportedModel, "does not say"),
    "untried family": (lambda folder: changed(folder, model_type="dbrx"), UnsupportedModel, "from its source"),
    "already quantized": (
        lambda folder: changed(folder, quantization_config={"quant_method": "awq", "bits": 4}),
        Refused,
        "AWQ",
    ),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), NotFound, "tokenizer"),
    "tokenizer cut off": (lambda folder: _cut(folder / "tokenizer.json", 500), DamagedFile, "tokenizer.json"),
    "missing shard": (
        lambda folder: (folder / "model-00002-of-00003.safetensors").unlink(),
        NotFound,
        "model-00002-of-00003",
    ),
    "shard cut off": (
        lambda folder: _cut(folder / "model-00003-of-00003.safetensors", 2000),
        DamagedFile,
        "model-00003-of-00003",
    ),
    "empty shard": (lambda folder: _cut(folder / "model-00001-of-00003.safetensors", 0), DamagedFile, "00001"),
    "a shard's name is too long": (lambda folder: _rename_shards(folder, "x" * 5000), DamagedFile, INDEX),
    "index is no table": (lambda folder: write_json(folder / INDEX, {"weight_map": []}), DamagedFile, INDEX),
    "index leaves the folder": (lambda folder: _rename_shards(folder, "../../secret.safetensors"), DamagedFile, ".."),
    "index names a root": (lambda folder: _rename_shards(folder, "/etc/passwd"), DamagedFile, "/etc/passwd"),
    "index leaves by backslash": (lambda folder: _rename_shards(folder, "..\\secret"), DamagedFile, "secret"),
}


@pytest.mark.parametrize("name", sorted(BREAKAGES))
def test_what_is_wrong_is_named_with_a_next_step(name: str, folder: Path) -> None:
    damage, kind, words = BREAKAGES[name]
    damage(folder)
    problems = inspect(folder).problems
    assert [type(problem) for problem in problems] == [kind]
    assert words in problems[0].message
    assert problems[0].hint


def test_all_problems_are_told_at_once(folder: Path) -> None:
    for name in ("unknown architecture", "no tokenizer", "missing shard", "shard cut off"):
        BREAKAGES[name][0](folder)
    messages = " ".join(problem.message for problem in inspect(folder).problems)
    for words in ("Llama9ForCausalLM", "tokenizer", "model-00002-of-00003", "model-00003-of-00003"):
        assert words in messages


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    """The converter would write a file without a tensor, with exit code 0."""
    folder = write_tiny_model("llama", tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "weights.safetensors")
    assert [type(problem) for problem in inspect(folder).problems] == [NotFound]


def test_gemma_needs_its_sentencepiece_file(tmp_path: Path) -> None:
    folder = write_tiny_model("gemma2", tmp_path / "model")
    (folder / "tokenizer.model").rename(folder / "tokenizer.json")
    assert "tokenizer.model" in inspect(folder).problems[0].message


@pytest.mark.parametrize("path", ["nowhere", "notes.txt"])
def test_what_is_no_model_is_not_found(path: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert [type(problem) for problem in inspect(tmp_path / path).problems] == [NotFound]


def test_a_damaged_gguf_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF\3\0\0\0")
    assert [type(problem) for problem in inspect(tmp_path / "model.gguf").problems] == [DamagedFile]


def test_a_quantized_gguf_file_is_refused(tmp_path: Path) -> None:
    from tests.helpers.gguf_files import write_gguf

    source = inspect(write_gguf(tmp_path / "model.gguf", file_type=15))
    assert [type(problem) for problem in source.problems] == [Refused]
    assert "Q4_K_M" in source.problems[0].message
