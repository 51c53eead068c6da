"""Files of a repository become things to choose: levels, split files as one, projectors apart, the folder."""

from __future__ import annotations

import pytest

from engine.catalog.hub.estimate import estimated_facts, unpacked_parameters
from engine.catalog.hub.values import FoundModel, RemoteFile, RemoteModel
from engine.catalog.hub.variants import level_of, variants
from engine.formats import Family

HASH = "0" * 64


def model(*paths: str, sizes: int = 100) -> RemoteModel:
    files = tuple(RemoteFile(path, sizes - number, "1" * 40, HASH) for number, path in enumerate(paths))
    return RemoteModel("acme/Tiny", "c" * 40, files, "", FoundModel("acme/Tiny"))


@pytest.mark.parametrize(
    ("stem", "level"),
    [
        ("Tiny-1B-Q4_K_M", "Q4_K_M"),
        ("tiny-1b.q4_k_m", "q4_k_m"),
        ("Tiny.i1-IQ2_XXS", "IQ2_XXS"),
        ("Tiny-1B-UD-Q4_K_XL", "UD-Q4_K_XL"),
        ("UD-Q2_K_XL/Tiny-UD-Q2_K_XL", "UD-Q2_K_XL"),
        ("Q6_K/tiny", "Q6_K"),
        ("Tiny-fp16", "fp16"),
        ("Tiny-BF16", "BF16"),
        ("gpt-oss-20b-mxfp4", "mxfp4"),
        ("Q4_0-of-Q8_0", "Q8_0"),
        ("Tiny-Chat", ""),
        ("TinyQ4_0", ""),
    ],
)
def test_a_level_is_read_from_a_name(stem: str, level: str) -> None:
    assert level_of(stem) == level


def test_levels_split_files_and_projectors_are_told_apart() -> None:
    found = variants(
        model(
            "README.md",
            "Tiny-Q8_0/Tiny-Q8_0-00002-of-00002.gguf",
            "Tiny-Q8_0/Tiny-Q8_0-00001-of-00002.gguf",
            "Tiny-Q4_K_M.gguf",
            "mmproj-Tiny-f16.gguf",
            "imatrix_unsloth.gguf",
            "Tiny-f16-00001-of-00003.gguf",
        )
    )
    assert [(each.title, each.format_id, len(each.files), each.problem) for each in found.all] == [
        ("Q8_0", "gguf-q8_0", 2, ""),
        ("Q4_K_M", "gguf-q4_k_m", 1, ""),
        ("f16", "gguf-f16", 1, "Some of its parts are missing in the repository."),
    ]
    assert found.all[0].entry == "Tiny-Q8_0/Tiny-Q8_0-00001-of-00002.gguf"
    assert [file.path for file in found.projectors] == ["mmproj-Tiny-f16.gguf"]
    assert found.find("Tiny-Q8_0/Tiny-Q8_0-00002-of-00002.gguf") is found.all[0]
    assert found.find("README.md") is None


def test_a_folder_takes_one_set_of_weights_and_what_belongs_to_it() -> None:
    wanted = ("config.json", "tokenizer.json", "LICENSE.txt", "chat_template.jinja", "model.safetensors.index.json")
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    others = ("consolidated.safetensors", "pytorch_model.bin", "modeling_tiny.py", "onnx/model.onnx", "img.png")
    (folder,) = variants(model(*wanted, *shards, *others)).all
    assert folder.family is Family.PLAIN
    assert folder.entry == ""
    assert {file.path for file in folder.files} == {*wanted, *shards}
    (single,) = variants(model("config.json", "model.safetensors", "model.fp16.safetensors")).all
    assert {file.path for file in single.files} == {"config.json", "model.safetensors"}
    assert variants(model("config.json", "pytorch_model.bin")).all == ()
    assert variants(model("model.safetensors")).all == ()


def test_hostile_names_and_missing_hashes_are_problems() -> None:
    found = variants(model("../Tiny-Q4_0.gguf", "Tiny-Q8_0.gguf"))
    assert [bool(each.problem) for each in found.all] == [True, False]
    bare = RemoteModel("a/b", "c" * 40, (RemoteFile("x-Q4_0.gguf", 1),), "", FoundModel("a/b"))
    assert "no hash" in variants(bare).all[0].problem


@pytest.mark.parametrize("parameters", [135_000_000, 1_500_000_000, 8_030_000_000, 70_000_000_000, 700_000_000_000])
def test_an_estimate_has_as_many_parameters_as_the_hub_says(parameters: int) -> None:
    facts = estimated_facts(FoundModel("a/b", parameters=parameters, stored_types={"F32": 10, "F16": parameters}))
    assert facts
    assert abs(facts.parameters / parameters - 1) < 0.02
    assert facts.weights_bytes == 2 * facts.parameters
    assert len(facts.kv_heads) == facts.layers


def test_packed_weights_are_counted_and_an_unknown_size_is_no_estimate() -> None:
    packed = FoundModel("a/b", tags=("awq",), parameters=2_000, stored_types={"I32": 900, "F16": 1100})
    assert unpacked_parameters(packed) == 900 * 8 + 1100
    assert estimated_facts(FoundModel("a/b")) is None
