"""The stand-in gives torch's and transformers' own answers, and says what it lacks instead of guessing."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.convert.standin import torch
from engine.convert.standin.lacking import Lacking
from engine.convert.standin.transformers.config import AutoConfig, complete
from engine.convert.standin.transformers.tokenizer import AutoTokenizer
from tests.helpers.tiny_models import CASES, write_tiny_model


def test_answers_are_those_of_torch_and_transformers() -> None:
    sections = ("values", "configurations", "tokenizers")
    run = subprocess.run(
        [sys.executable, "-m", "tests.helpers.torch_answers", *sections], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith("numpy"), "the recorded answers are torch's: here the stand-in must answer"
    answers, recorded = json.loads(run.stdout), json.loads((CASES / "torch_answers.json").read_text("utf-8"))
    for section in sections:
        expected = {name: answer for name, answer in recorded[section].items() if answer != "raises"}
        assert len(expected) > 40
        assert {name: answers[section][name] for name in expected} == expected


@given(st.floats(width=32, allow_nan=False))
def test_bfloat16_is_the_nearest_with_ties_to_even(number: float) -> None:
    bits = struct.unpack("<I", struct.pack("<f", number))[0]
    below, above = bits & 0xFFFF0000, (bits & 0xFFFF0000) + 0x10000
    distance = bits - below
    nearest = below if distance < 0x8000 or (distance == 0x8000 and not (below >> 16) & 1) else above
    rounded = torch.from_numpy(np.array([number], np.float32)).to(torch.bfloat16)
    assert int(rounded.array[0]) == nearest >> 16
    assert rounded.float().to(torch.bfloat16).array[0] == rounded.array[0]


def test_bfloat16_keeps_nan() -> None:
    rounded = torch.from_numpy(np.array([np.nan, -np.nan], np.float32)).to(torch.bfloat16)
    assert np.isnan(rounded.float().numpy()).all()


def test_a_meta_tensor_has_no_memory_behind_it() -> None:
    huge = torch.empty(1 << 20, 1 << 20, dtype=torch.bfloat16, device="meta")
    changed = torch.cat([(huge.float() + 1).reshape(4, -1), (huge * huge).float().reshape(4, -1)], dim=1)
    assert changed.shape == (4, 1 << 39)
    assert changed.dtype is torch.float32


def test_views_share_memory() -> None:
    numbers = np.arange(12, dtype=np.float32)
    torch.from_numpy(numbers).reshape(3, 4).swapaxes(0, 1)[1].array[...] = 0
    assert numbers.tolist() == [0, 0, 2, 3, 4, 0, 6, 7, 8, 0, 10, 11]


@pytest.mark.parametrize("size", [2, 5, [1, 3, 1]])
def test_split_covers_everything_once(size: int | list[int]) -> None:
    whole = torch.arange(0, 10).reshape(5, 2)
    assert torch.equal(torch.cat(whole.split(size)), whole)


def test_a_function_hands_over_to_lazy_tensors() -> None:
    class Lazy:
        @classmethod
        def __torch_function__(cls, function: object, kinds: object, arguments: tuple, options: dict) -> tuple:
            return ("lazy", getattr(function, "__name__", ""), len(arguments))

    assert torch.stack([Lazy(), torch.tensor([1.0])]) == ("lazy", "stack", 1)
    with pytest.raises(TypeError):  # neither side knows: Python says so
        _ = torch.tensor([1.0]) + Lazy()


@pytest.mark.parametrize(
    ("what", "ask"),
    [
        ("torch.linalg", lambda: torch.linalg),
        ("torch.Tensor.svd", lambda: torch.tensor([1.0]).svd()),
        ("torch.arange of fractions", lambda: torch.arange(0, 1, 0.1)),
        ("torch.float16 and torch.float32", lambda: torch.tensor([1.0]).to(torch.float16) + torch.tensor([1.0])),
        ("torch.float8_e5m2", lambda: torch.from_numpy(np.zeros(4, np.uint8)).view(torch.float8_e5m2).float()),
        ("rounding and torch.float8_e4m3fn", lambda: torch.tensor([1.0]).to(torch.float8_e4m3fn)),
    ],
)
def test_what_it_lacks_is_named(what: str, ask) -> None:
    with pytest.raises(Lacking) as lacking:
        ask()
    assert all(part in str(lacking.value) for part in what.split(" and "))


@pytest.mark.parametrize("given", [{"model_type": "dbrx"}, {"model_type": "mistral", "layer_types": []}])
def test_a_family_that_was_not_tried_is_refused(given: dict) -> None:
    with pytest.raises(Lacking, match="model type"):
        complete(given)


@pytest.mark.parametrize("given", [{}, {"model_type": "chatglm"}, {"model_type": 7}, {"model_type": ""}])
def test_a_family_that_transformers_does_not_know_either_is_no_lack(given: dict) -> None:
    """There the converter reads the bare config.json, with torch as without."""
    with pytest.raises(ValueError, match="model type"):
        complete(given)


def test_a_configuration_of_code_in_the_folder_is_never_run(tmp_path: Path) -> None:
    folder = write_tiny_model("llama", tmp_path / "model", auto_map={"AutoConfig": "trap.Config"})
    (folder / "trap.py").write_text(f"open({str(tmp_path / 'trapped')!r}, 'w')\nclass Config: pass\n")
    AutoConfig.from_pretrained(folder, trust_remote_code=True)
    AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    assert not (tmp_path / "trapped").exists()


def test_a_tokenizer_that_is_only_code_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model("llama", tmp_path / "model")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "QWenTokenizer"}')
    with pytest.raises(Lacking, match="QWenTokenizer"):
        AutoTokenizer.from_pretrained(folder)


def test_small_floats_are_read_as_their_specification_has_them() -> None:
    """OCP 8-bit floating point specification 1.0: E4M3's smallest, one, its largest, and a negative one."""
    codes = np.array([0x01, 0x08, 0x38, 0x7E, 0xC0], np.uint8)
    values = torch.from_numpy(codes).view(torch.float8_e4m3fn).float().numpy()
    assert values.tolist() == [2.0**-9, 2.0**-6, 1.0, 448.0, -2.0]
    assert np.isnan(torch.from_numpy(np.array([0x7F], np.uint8)).view(torch.float8_e4m3fn).float().numpy()).all()
