"""``read_facts`` on GGUF files and on folders, whole, split, hostile and of many families."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.facts import gguf_facts, read_facts
from engine.catalog.headers.configuration import Config
from engine.catalog.headers.huggingface import config_facts
from engine.catalog.headers.model import model_facts
from engine.catalog.headers.safetensors_header import StoredTensor
from engine.catalog.headers.shards import read_json
from engine.errors import DamagedFile, EngineError, NotFound, UnsupportedModel
from engine.formats import ModelFacts, TensorFacts
from tests.helpers import headers, models

FAMILIES = Path(__file__).parents[2] / "cases" / "facts"
WEIGHTS = headers.safetensors({"model.embed_tokens.weight": ("BF16", [8, 4], [0, 64])}, b"\0" * 64)
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 64,
}


def write(folder: Path, **files: Any) -> Path:
    """Write files; ``__`` in a name stands for a dot, a table becomes JSON."""
    for name, content in files.items():
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / name.replace("__", ".")).write_bytes(data)
    return folder


def test_a_gguf_file(tmp_path: Path) -> None:
    rows = [("token_embd.weight", (64, 100), 1, 0)]
    metadata = headers.llama(
        general__name="Small", general__file_type=15, general__license="mit", tokenizer__chat_template="{{ x }}"
    )
    (tmp_path / "m.gguf").write_bytes(headers.gguf(metadata, rows, data=b"\0" * 12_800))
    facts = read_facts(tmp_path / "m.gguf")
    assert (facts.name, facts.architecture, facts.format_id, facts.licence) == ("Small", "llama", "gguf-q4_k_m", "mit")
    assert (facts.layers, facts.width, facts.heads, facts.kv_heads) == (2, 64, 4, (2, 2))
    assert (facts.key_length, facts.value_length, facts.query_group, facts.vocabulary) == (16, 16, 2, 100)
    assert (facts.trained_context, facts.weights_bytes, facts.parameters) == (2048, 12_800, 6_400)
    assert facts.chat_template


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"llama__block_count": None}, "block_count"),
        ({"llama__block_count": 100_000}, "block_count"),
        ({"llama__embedding_length": "many"}, "embedding_length"),
        ({"llama__attention__head_count_kv": [1]}, "2 values"),
        ({"llama__attention__head_count": 1 << 31}, "head_count"),
    ],
)
def test_senseless_metadata_is_damage(changes: dict[str, Any], words: str) -> None:
    source = _Source(headers.gguf(headers.llama(**changes)))
    with pytest.raises(DamagedFile, match=words):
        gguf_facts(source, "m")


class _Source:
    name = "model.gguf"

    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


def test_parts_are_put_together(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        metadata = {**headers.llama(), "split.count": 3} if number == 1 else {"split.count": 3}
        part = headers.gguf(metadata, [(f"blk.0.part{number}.weight", (8, 8), 0, 0)], data=b"\0" * 256)
        (tmp_path / f"m-0000{number}-of-00003.gguf").write_bytes(part)
    first = tmp_path / "m-00001-of-00003.gguf"
    assert read_facts(first).weights_bytes == 3 * 256
    with pytest.raises(NotFound, match="first of the 3 parts"):
        read_facts(tmp_path / "m-00002-of-00003.gguf")
    (tmp_path / "m-00003-of-00003.gguf").unlink()
    with pytest.raises(NotFound):
        read_facts(first)


def test_a_folder(tmp_path: Path) -> None:
    write(tmp_path, config__json=CONFIG, model__safetensors=WEIGHTS, README__md=b"---\nlicense: apache-2.0\n---\n")
    facts = read_facts(tmp_path)
    assert (facts.format_id, facts.layers, facts.vocabulary, facts.licence) == ("plain-bf16", 1, 8, "apache-2.0")
    assert not facts.chat_template
    write(tmp_path, tokenizer_config__json={"chat_template": "{{ messages }}"})
    assert read_facts(tmp_path).chat_template


@pytest.mark.parametrize(
    ("shard", "kind"),
    [
        ("../outside.safetensors", DamagedFile),
        ("/etc/passwd", DamagedFile),
        ("..\\outside.safetensors", DamagedFile),
        ("model.safetensors.index.json", DamagedFile),
        ("missing.safetensors", NotFound),
        ("folder.safetensors", NotFound),
        ("loop.safetensors", NotFound),
        ("x" * 300 + ".safetensors", DamagedFile),
    ],
)
def test_an_index_that_leads_astray(tmp_path: Path, shard: str, kind: type[EngineError]) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "folder.safetensors").mkdir()
    if hasattr(os, "symlink"):
        (folder / "loop.safetensors").symlink_to(folder / "loop.safetensors")
    (tmp_path / "outside.safetensors").write_bytes(WEIGHTS)
    index = {"weight_map": {"model.embed_tokens.weight": shard}}
    write(folder, config__json=CONFIG, model__safetensors__index__json=index)
    with pytest.raises(kind):
        read_facts(folder)


def test_an_index_and_its_shards_must_agree(tmp_path: Path) -> None:
    index = {"weight_map": {"model.norm.weight": "model-1.safetensors"}}
    write(tmp_path, config__json=CONFIG, model__safetensors__index__json=index)
    (tmp_path / "model-1.safetensors").write_bytes(WEIGHTS)
    with pytest.raises(DamagedFile, match=r"model\.norm\.weight"):
        read_facts(tmp_path)


@pytest.mark.parametrize(
    ("files", "kind", "words"),
    [
        ({}, NotFound, "config.json"),
        ({"config__json": CONFIG}, NotFound, "safetensors"),
        ({"config__json": CONFIG, "pytorch_model__bin": b"x"}, UnsupportedModel, "pytorch_model.bin"),
        ({"config__json": b"{", "model__safetensors": WEIGHTS}, DamagedFile, "JSON"),
        ({"config__json": b"[" * 100_000, "model__safetensors": WEIGHTS}, DamagedFile, "JSON"),
        ({"config__json": b"[]", "model__safetensors": WEIGHTS}, DamagedFile, "table"),
        ({"config__json": {**CONFIG, "hidden_size": "4"}, "model__safetensors": WEIGHTS}, DamagedFile, "hidden_size"),
        ({"config__json": {**CONFIG, "num_hidden_layers": -1}, "model__safetensors": WEIGHTS}, DamagedFile, "layers"),
        ({"config__json": CONFIG, "model__safetensors": b""}, DamagedFile, "header"),
        ({"config__json": CONFIG, "model__safetensors": WEIGHTS[:-1]}, DamagedFile, "cut off"),
        (
            {"config__json": CONFIG, "model__safetensors": headers.safetensors({}, length=1 << 62)},
            DamagedFile,
            "header",
        ),
        ({"config__json": CONFIG, "model__safetensors": headers.safetensors({}, length=5000)}, DamagedFile, "cut off"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    tmp_path: Path, files: dict[str, Any], kind: type[EngineError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        read_facts(write(tmp_path, **files))


@given(st.binary(max_size=300))
def test_a_safetensors_header_of_noise(noise: bytes) -> None:
    from engine.catalog.headers.safetensors_header import read_safetensors_header

    for file in (
        noise,
        len(noise).to_bytes(8, "little") + noise,
        headers.safetensors({"a": ("F32", [1], [0, 4])}, noise),
    ):
        try:
            read_safetensors_header(_Source(file))
        except DamagedFile as error:
            assert error.hint


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (("F32", [2], [0, 4]), "8 bytes"),
        (("F32", [1 << 62], [0, 4]), "shape"),
        (("F32", [-1], [0, 4]), "shape"),
        (("F32", [True], [0, 4]), "shape"),
        (("F32", [1] * 9, [0, 4]), "shape"),
        (("Q9", [1], [0, 4]), "type"),
        (("F32", [1], [0]), "type"),
        (("F32", 7, [0, 4]), "type"),
    ],
)
def test_a_tensor_that_cannot_be(tmp_path: Path, row: Any, words: str) -> None:
    write(tmp_path, config__json=CONFIG, model__safetensors=headers.safetensors({"a": row}, b"\0" * 4))
    with pytest.raises(DamagedFile, match=words):
        read_facts(tmp_path)


@pytest.mark.parametrize("family", sorted(path.stem for path in FAMILIES.glob("*.json")))
def test_a_family_reads_as_the_converted_file_would(family: str) -> None:
    case = json.loads((FAMILIES / f"{family}.json").read_text("utf-8"))
    stored = [StoredTensor(name, kind, tuple(shape), 0) for name, (kind, *shape) in case["stored"].items()]
    ours = config_facts(Config(case["config"], family), stored, family, {})
    metadata = {key: tuple(value) if isinstance(value, list) else value for key, value in case["metadata"].items()}
    written = [TensorFacts(name, tuple(shape), "F16", 0) for name, shape in case["tensors"].items()]
    theirs = model_facts(metadata, written, name=family, format_id=ours.format_id, file=family)
    assert shapes(ours) == shapes(theirs)
    if family == "granitemoehybrid":  # the converter writes 2**20 there, whatever the configuration says
        theirs = dataclasses.replace(theirs, trained_context=ours.trained_context)
    assert dataclasses.replace(ours, tensors=()) == dataclasses.replace(theirs, tensors=())


def shapes(facts: ModelFacts) -> dict[str, tuple[int, ...]]:
    """Return the tensors by name; the converter drops the ending of Falcon-H1's norms."""
    return {tensor.name.replace("_norm.weight", "_norm"): tensor.shape for tensor in facts.tensors}


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Llama-3-8B", 8_030_261_248),
        ("Llama-2-13B", 13_015_864_320),
        ("Mixtral-8x7B", 46_702_792_704),
        ("gemma-2-9b", 9_241_705_984),
        ("Qwen2.5-0.5B", 494_032_768),
        ("SmolLM2-135M", 134_515_008),
    ],
)
def test_real_shapes_have_the_published_number_of_parameters(name: str, parameters: int) -> None:
    assert models.facts_of(name).parameters == parameters


def test_windows_heads_and_states() -> None:
    gemma = models.facts_of("gemma-2-9b")
    assert gemma.window[:4] == (4096, 0, 4096, 0)
    assert models.facts_of("gemma-3-4b").window[:6] == (1024, 1024, 1024, 1024, 1024, 0)
    assert set(models.facts_of("Phi-3-mini-4k").window) == {0}  # llama.cpp does not use Phi-3's window
    latent = models.facts_of("DeepSeek-V2-Lite")
    assert (latent.kv_heads[0], latent.key_length, latent.value_length) == (1, 576, 0)
    mamba = models.facts_of("mamba-2.8b")
    assert set(mamba.kv_heads) == {0}
    assert mamba.recurrent_bytes == 64 * (3 * 5120 + 16 * 5120) * 4
    hybrid = models.facts_of("LFM2-1.2B")
    assert [bool(heads) for heads in hybrid.kv_heads[:4]] == [False, False, True, False]


@pytest.mark.parametrize(
    "metadata",
    [{"general.architecture": "clip"}, headers.llama(general__type="adapter"), headers.llama(general__type="mmproj")],
)
def test_a_part_of_another_model_is_no_model(metadata: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedModel, match="part of another model"):
        gguf_facts(_Source(headers.gguf(metadata)), "mmproj.gguf")


def test_without_an_architecture_a_file_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="architecture"):
        gguf_facts(_Source(headers.gguf({"general.name": "?"})), "m")


def compressed(**weights: Any) -> dict[str, Any]:
    """Return a ``quantization_config`` as llm-compressor writes it."""
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": weights}}}


@pytest.mark.parametrize(
    ("method", "stored"),
    [
        ("awq", {"qweight": ("I32", 256, 16), "qzeros": ("I32", 2, 16), "scales": ("F16", 2, 128)}),
        (
            "gptq",
            {"qweight": ("I32", 32, 128), "qzeros": ("I32", 2, 16), "scales": ("F16", 2, 128), "g_idx": ("I32", 256)},
        ),
    ],
)
def test_packed_weights_show_their_true_shape(method: str, stored: dict[str, Any]) -> None:
    quantization = {"quant_method": method, "bits": 4, "group_size": 128}
    config = Config({**CONFIG, "quantization_config": quantization}, "config.json")
    stem = "model.layers.0.self_attn.q_proj"
    tensors = [StoredTensor(f"{stem}.{part}", kind, tuple(shape), 100) for part, (kind, *shape) in stored.items()]
    facts = config_facts(config, tensors, "m", {})
    (weight,) = facts.tensors
    assert (weight.name, weight.shape, weight.bytes) == ("blk.0.attn_q.weight", (256, 128), 100 * len(stored))
    assert facts.parameters == 256 * 128


@pytest.mark.parametrize(
    ("bits", "packed"), [(4, ("I32", 128, 32)), (8, ("I32", 128, 64)), (4, ("U8", 128, 128))], ids=str
)
def test_weights_of_llm_compressor_show_their_true_shape(bits: int, packed: tuple[str, int, int]) -> None:
    """The last is NVFP4: two numbers a byte."""
    config = Config({**CONFIG, "quantization_config": compressed(num_bits=bits, type="int")}, "config.json")
    stem, (kind, *shape) = "model.layers.0.self_attn.q_proj", packed
    parts = ("weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx", "weight_global_scale")
    tensors = [StoredTensor(f"{stem}.weight_packed", kind, tuple(shape), 100)]
    tensors += [StoredTensor(f"{stem}.{part}", "I32", (2,), 10) for part in parts]
    (weight,) = config_facts(config, tensors, "m", {}).tensors
    assert (weight.name, weight.shape, weight.bytes) == ("blk.0.attn_q.weight", (256, 128), 150)


def test_four_bit_weights_of_bitsandbytes_are_counted() -> None:
    quantization = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    config = Config({**CONFIG, "quantization_config": quantization}, "c")
    stem = "model.layers.0.mlp.up_proj.weight"
    state = f"{stem}.quant_state.bitsandbytes__nf4"
    tensors = [
        StoredTensor(stem, "U8", (64, 1), 64),
        StoredTensor(f"{stem}.absmax", "U8", (2,), 2),
        StoredTensor(state, "U8", (90,), 90),
    ]
    facts = config_facts(config, tensors, "m", {})
    assert (facts.format_id, facts.parameters, facts.weights_bytes) == ("bnb-nf4", 128, 156)


@pytest.mark.parametrize(
    ("quantization", "format_id"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 128}, "awq-int4-g128"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 64}, "gptq-int4-g64"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, "bnb-nf4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bnb-fp4"),
        (compressed(num_bits=4, type="int"), "compressed-tensors-int4"),
        (compressed(num_bits=8, type="float"), "compressed-tensors-fp8"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bnb-int8"),
        ({"quant_method": "fp8"}, "plain-bf16"),
        (["not a table"], "plain-bf16"),
    ],
)
def test_quantized_folders_say_so(tmp_path: Path, quantization: Any, format_id: str) -> None:
    write(tmp_path, config__json={**CONFIG, "quantization_config": quantization}, model__safetensors=WEIGHTS)
    assert read_facts(tmp_path).format_id == format_id


@pytest.mark.parametrize(
    ("quantization", "packing"),
    [
        ({"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": True, "sym": True}, ("ordered",)),
        ({"quant_method": "gptq", "bits": 4, "group_size": -1, "desc_act": True, "sym": True}, ()),
        ({"quant_method": "gptq", "bits": 4, "group_size": 64, "desc_act": False, "sym": False}, ("asymmetric",)),
        ({"quant_method": "awq", "bits": 4, "group_size": 64, "zero_point": True}, ()),
        ({"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemv_fast"}, ("gemv",)),
        (compressed(num_bits=4, type="int", actorder="group"), ("ordered",)),
        (compressed(num_bits=4, type="int", actorder="weight"), ()),
    ],
)
def test_what_is_special_of_packed_weights_is_read(tmp_path: Path, quantization: Any, packing: tuple[str, ...]) -> None:
    write(tmp_path, config__json={**CONFIG, "quantization_config": quantization}, model__safetensors=WEIGHTS)
    assert read_facts(tmp_path).packing == packing


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="a file that nobody can read is Linux's")
def test_what_cannot_be_read_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to("/proc/self/mem")  # its first page
    with pytest.raises(NotFound) as error:
        read_json(tmp_path / "config.json")
    assert error.value.hint.startswith("It cannot be read: ")
