"""What native code and the converter say is turned into errors that name the cause and the next step."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.convert.methods.gguf import _of_os_error, _reason
from engine.convert.methods.native import reason
from engine.errors import DamagedFile, DiskFull, EngineError, NotFound, Refused, UnsupportedModel

QUANTIZE = "llama_model_quantize: failed to quantize: "


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        (QUANTIZE + "tensor 'blk.0.ffn_up.weight' has invalid data", DamagedFile, "blk.0.ffn_up.weight"),
        (QUANTIZE + "basic_ios::clear: iostream error", DiskFull, "free"),
        (QUANTIZE + "unknown model architecture: 'lama'", UnsupportedModel, "lama"),
        (QUANTIZE + "requantizing from type q4_K is disabled", Refused, "Q4_K"),
        (QUANTIZE + "this quantization requires an imatrix!", Refused, "importance matrix"),
        (QUANTIZE + "tensor 'x' data is not within the file bounds", DamagedFile, "not within the file bounds"),
        ("", DamagedFile, "no reason"),
    ],
)
def test_reasons_of_the_library(line: str, kind: type[EngineError], words: str, tmp_path: Path) -> None:
    error = reason([line] if line else [], tmp_path / "read.gguf", tmp_path / "written.gguf")
    assert type(error) is kind
    assert words in error.message
    assert error.hint


def test_a_read_error_is_no_full_disk(tmp_path: Path) -> None:
    assert isinstance(reason(["iostream error"], tmp_path / "read.gguf"), DamagedFile)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(28, "No space left on device"), DiskFull),
        (OSError(27, "File too large"), DiskFull),
        (OSError("1048576 requested and 4096 written"), DiskFull),  # numpy's own, without a number
        (FileNotFoundError(2, "No such file", "vocab.json"), NotFound),
        (OSError(5, "Input/output error"), OSError),
    ],
)
def test_reasons_of_the_system(error: OSError, kind: type[Exception], tmp_path: Path) -> None:
    assert type(_of_os_error(error, tmp_path / "made.gguf")) is kind


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotImplementedError("BPE pre-tokenizer was not recognized - update it"), "splits text"),
        (ValueError("set the option `trust_remote_code=True`"), "never runs"),
        (ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"), "pip install -e '.[convert]'"),
        (KeyError("n_ctx"), "KeyError: 'n_ctx'"),
    ],
)
def test_reasons_of_the_converter(error: Exception, words: str) -> None:
    assert words in _reason(error)
