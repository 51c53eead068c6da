"""Importance matrices in llama.cpp's two formats, and what damaged ones are told as."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from engine.convert.methods.importance import Importance, Sums, read, write
from engine.errors import DamagedFile, NotFound

MATRIX = Importance(
    {
        "blk.0.attn_q.weight": Sums(np.array([[2.0, 8.0]], np.float32), np.array([4])),
        "blk.0.ffn_up_exps.weight": Sums(np.array([[3.0, 6.0], [0.0, 0.0]], np.float32), np.array([3, 0])),
    },
    ("texts",),
    2,
    2,
)


@pytest.mark.parametrize("ending", ["gguf", "dat"])
def test_what_is_written_is_read(tmp_path: Path, ending: str) -> None:
    write(MATRIX, tmp_path / f"matrix.{ending}")
    again = read(tmp_path / f"matrix.{ending}")
    assert (again.datasets, again.chunks) == (("texts",), 2)
    for name, weights in MATRIX.weights().items():
        np.testing.assert_allclose(again.weights()[name], weights, rtol=1e-6)


def test_weights_are_means_and_an_expert_without_tokens_counts_alike() -> None:
    assert MATRIX.weights()["blk.0.attn_q.weight"].tolist() == [0.5, 2.0]
    assert MATRIX.weights()["blk.0.ffn_up_exps.weight"].tolist() == [1.0, 2.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGUF",
        b"GGUF" + bytes(100),
        struct.pack("<i", -1),
        struct.pack("<i", 1 << 30),
        struct.pack("<iii", 1, 1 << 30, 0),
        struct.pack("<ii1sii", 1, 1, b"a", 1, 1 << 27),
        struct.pack("<ii1siif", 1, 1, b"a", 1, 1, float("nan")),
    ],
)
def test_damage_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "matrix.dat"
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=r"importance|finite"):
        read(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read(tmp_path / "none.dat")


RECORDED = Path(__file__).parents[2] / "cases" / "convert" / "imatrix"


@pytest.mark.parametrize("model", ["tiny", "moe"])
@pytest.mark.parametrize("ending", ["imatrix", "dat"])
def test_both_forms_are_written_as_llama_imatrix_writes_them(model: str, ending: str, tmp_path: Path) -> None:
    """Recorded from llama-imatrix of llama.cpp 0c1e57098: tiny models, three chunks of 64 tokens."""
    matrix = read(RECORDED / f"{model}.imatrix")
    write(matrix, tmp_path / f"again.{ending}")
    assert (tmp_path / f"again.{ending}").read_bytes() == (RECORDED / f"{model}.{ending}").read_bytes()


@pytest.mark.parametrize("model", ["tiny", "moe"])
def test_the_old_form_says_the_same(model: str, tmp_path: Path) -> None:
    old, new = (read(RECORDED / f"{model}.{ending}") for ending in ("dat", "imatrix"))
    assert old.weights().keys() == new.weights().keys()
    for name, weights in new.weights().items():
        np.testing.assert_allclose(old.weights()[name], weights, rtol=1e-6)
    write(old, tmp_path / "again.dat")
    assert (tmp_path / "again.dat").read_bytes() == (RECORDED / f"{model}.dat").read_bytes()
