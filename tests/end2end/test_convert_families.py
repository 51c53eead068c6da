"""Each family that the stand-in is allowed to convert, against what torch 2.13 and transformers 4.57.6 make of it.

The expected files were made by the same converter on the real packages; ``torch_answers.json`` has their digests (see
:mod:`tests.helpers.torch_answers`), so the comparison is byte for byte.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.convert.vocabulary import VocabularyCheck
from engine.events import Finished
from tests.helpers.quantized_folders import FORMS
from tests.helpers.tiny_models import CASES, families, write_tiny_model


def test_each_family_is_converted_as_with_torch() -> None:
    recorded = recorded_answers("files")
    assert {name.partition(" ")[0] for name in recorded} == set(families())
    assert answers("files") == recorded


def test_quantized_weights_are_widened_as_with_torch() -> None:
    recorded = recorded_answers("packed")
    assert set(recorded) == set(FORMS) - {"awq", "nf4"}
    assert answers("packed") == recorded


def answers(section: str) -> dict[str, str]:
    run = subprocess.run(
        [sys.executable, "-m", "tests.helpers.torch_answers", section], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.startswith("numpy"), "the recorded answers are torch's: here the stand-in must answer"
    return json.loads(run.stdout)[section]


def recorded_answers(section: str) -> dict[str, str]:
    return json.loads((CASES / "torch_answers.json").read_text("utf-8"))[section]


@pytest.mark.parametrize("name", sorted(families())[::9])
def test_a_tokenizer_is_read_without_any_weights(name: str, tmp_path: Path) -> None:
    folder = write_tiny_model(name, tmp_path / name)
    for file in (*folder.glob("*.safetensors"), *folder.glob("*.index.json")):
        file.unlink()
    *_, last = VocabularyCheck(folder)
    assert last == Finished(None)
