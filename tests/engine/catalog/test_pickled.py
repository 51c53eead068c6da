"""Pickled weights: tensors are listed without running anything, and everything else is refused."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path

import pytest

from engine.catalog.facts import read_facts
from engine.catalog.headers.pickled import read_pickled_tensors
from engine.catalog.headers.safetensors_header import StoredTensor
from engine.catalog.library import Library
from engine.errors import DamagedFile, Refused, UnsupportedModel
from engine.runtime.registry import for_checkpoint

TABLE = b"ccollections\nOrderedDict\n)R"  # an empty one
WIDTH = 8
BOMB = pickle.BYTEARRAY8 + struct.pack("<Q", 1 << 36)  # whose memory would be taken before it is read
NESTED = b"U\1a" + b"2\x86" * 80  # a pair of one pair twice, and so on: to hash it takes 2 to the 80th steps
PROGRAMS = (b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nload\n", b"ccollections\nChainMap\n")


def text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word)) + word.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def tensor(shape: tuple[int, ...], storage: str = "0", kind: str = "HalfStorage") -> bytes:
    """Return a tensor as torch.save writes it, in the opcodes of pickle's protocol 2."""
    extents = b"(" + b"".join(map(number, shape)) + b"t"
    place = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(storage) + text("cpu") + number(9) + b"tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + place + number(0) + extents + extents + b"\x89" + TABLE + b"tR"


def save(file: Path, entries: dict[str, bytes], after: bytes = b"") -> Path:
    pickled = b"\x80\x02" + TABLE + b"(" + b"".join(text(name) + value for name, value in entries.items()) + b"u"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled + after + b".")
        archive.writestr("archive/data/0", b"\0")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models" / "someone" / "tiny"
    folder.mkdir(parents=True)
    shapes = {
        "model.embed_tokens.weight": (32, WIDTH),
        "model.norm.weight": (WIDTH,),
        "model.layers.0.input_layernorm.weight": (WIDTH,),
        "model.layers.0.post_attention_layernorm.weight": (WIDTH,),
        **{f"model.layers.0.self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"},
        **{f"model.layers.0.mlp.{name}_proj.weight": (16, WIDTH) for name in ("gate", "up")},
        "model.layers.0.mlp.down_proj.weight": (WIDTH, 16),
    }
    entries = {name: tensor(shape, str(place)) for place, (name, shape) in enumerate(shapes.items())}
    notes = b"}" + text("_metadata") + TABLE + b"sb"  # set as an attribute, as a module's state has it
    save(folder / "pytorch_model.bin", entries, notes)
    told = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH, "vocab_size": 32}
    more = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "tie_word_embeddings": True}
    (folder / "config.json").write_text(json.dumps({**told, **more}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def test_tensors_are_listed_and_shared_ones_once(tmp_path: Path) -> None:
    entries = {"a": tensor((2, 3)), "tied": tensor((2, 3)), "b": tensor((4,), "1", "BFloat16Storage")}
    found = read_pickled_tensors([save(tmp_path / "pytorch_model.bin", entries)])
    assert found == [StoredTensor("a", "F16", (2, 3), 12), StoredTensor("b", "BF16", (4,), 8)]


def test_a_folder_of_them_is_a_model_like_any_other(folder: Path) -> None:
    facts = read_facts(folder)
    assert (facts.format_id, facts.layers, facts.width) == ("plain-f16", 1, WIDTH)
    entry = Library(folder.parents[1]).entry_at(folder)
    assert for_checkpoint(entry).name == "transformers"
    assert entry.size_bytes > (folder / "pytorch_model.bin").stat().st_size


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_could_run_a_program_is_refused_by_its_name(folder: Path, tmp_path: Path, program: bytes) -> None:
    ran = tmp_path / "ran"
    call = program + b"(" + text(f"touch {ran}") + b"tR"
    save(folder / "pytorch_model.bin", {"a": tensor((2, 3)), "b": call})
    named = program[1:-1].decode().replace("\n", ".")
    with pytest.raises(Refused, match=f"holds more than tensors .{named}"):
        read_facts(folder)
    with pytest.raises(Refused, match="could run any program"):
        for_checkpoint(Library(folder.parents[1]).entry_at(folder))
    assert not ran.exists()


@pytest.mark.parametrize(
    "entries",
    [{"a": text("no tensor")}, {"a": tensor((-1, 3))}, {"a": b"ctorch\nFloatStorage\n)R"}, {"a": b"\xff"}, {"a": BOMB}],
)
def test_what_is_no_table_of_tensors_is_damaged(tmp_path: Path, entries: dict[str, bytes]) -> None:
    with pytest.raises(DamagedFile):
        read_pickled_tensors([save(tmp_path / "pytorch_model.bin", entries)])


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "value",
    [
        b"}" + NESTED + b"Ns",
        b"}(" + NESTED + b"Nu",
        b"(" + NESTED + b"Nd",
        b"\x8f(" + NESTED + b"\x90",
        b"(" + NESTED + b"\x91",
        b"(" + text("storage") + NESTED + text("0") + text("cpu") + number(9) + b"tQ",
        b"ccollections\nOrderedDict\n((" + NESTED + b"N\x86ttR",
        b"ctorch._utils\n_rebuild_tensor_v2\n(" + NESTED + number(0) + b")tR",
        *(b"(" + b"".join(NESTED if place == at else text("F16") for place in range(4)) + b"t" for at in range(4)),
    ],
)
def test_what_would_be_hashed_for_ever_is_damaged(tmp_path: Path, value: bytes) -> None:
    with pytest.raises(DamagedFile):
        read_pickled_tensors([save(tmp_path / "pytorch_model.bin", {"a": value})])


def test_an_old_form_is_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "pytorch_model.bin"
    file.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UnsupportedModel, match="of a form that is not read here"):
        read_pickled_tensors([file])


def test_a_pickle_that_changes_its_tools_changes_nothing(tmp_path: Path) -> None:
    """Attributes can be set on what a pickle names: on nothing that lasts."""
    rebuild = b"ctorch._utils\n_rebuild_parameter\n}" + text("spoilt") + text("yes") + b"sb"
    file = save(tmp_path / "pytorch_model.bin", {"a": tensor((2, 3))}, rebuild + b"0")
    assert [one.name for one in read_pickled_tensors([file])] == ["a"]
