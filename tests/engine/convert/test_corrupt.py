"""A few of the campaign's spoilt models: a look at one raises nothing, and takes bounded time and memory."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from tests.campaigns.corrupt_models import looks


@pytest.mark.skipif(os.name == "nt", reason="the bounds are POSIX's")
def test_a_look_at_a_spoilt_model_ends_in_typed_problems(tmp_path: Path) -> None:
    seen = list(looks(tmp_path, range(100)))
    assert [(look.seed, look.what, look.outcome) for look in seen if look.failed] == []
    kinds = Counter(look.outcome for look in seen)
    assert kinds["DamagedFile"] > 30, kinds


def _config(folder: Path, old: str, new: str) -> None:
    file = folder / "config.json"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [('"vocab_size": 400', '"vocab_size": 4000000000'), ('"num_hidden_layers": 2', '"num_hidden_layers": 1e9')],
)
def test_numbers_that_the_weights_contradict_are_told(old: str, new: str, tmp_path: Path) -> None:
    """The converter would make so many names, until the memory is full."""
    from engine.convert.source import inspect
    from tests.helpers.tiny_models import write_tiny_model

    folder = write_tiny_model("llama-hf", tmp_path / "model")
    _config(folder, old, new)
    assert {problem.kind for problem in inspect(folder).problems} == {"DamagedFile"}
