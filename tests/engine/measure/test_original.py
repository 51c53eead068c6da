"""Which file a model is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.measure.original import original_of, siblings_of, stem
from tests.helpers.level_files import level_file


@pytest.fixture
def made(tmp_path: Path):
    def make(name: str, level: str, record: dict | None = None, layers: int = 1) -> Checkpoint:
        path = tmp_path / name
        path.write_bytes(level_file(level, layers=layers, tokens=300, merges=10))
        return Checkpoint(path, name, f"gguf-{level.lower()}", path.stat().st_size, record or {})

    return make


def test_the_most_precise_file_of_the_same_name(made):
    level = made("Mini-Q4_K_M.gguf", "Q4_K_M")
    f16, q8 = made("Mini-F16.gguf", "F16"), made("Mini-Q8_0.gguf", "Q8_0")
    assert original_of(level, [level, q8, f16]) == f16
    assert original_of(level, [level, q8]) == q8
    assert original_of(f16, [level, q8, f16]) == f16


def test_nothing_will_do(made):
    level = made("Mini-Q4_K_M.gguf", "Q4_K_M")
    assert original_of(level, [level, made("Other-F16.gguf", "F16")]) is None


def test_records_name_the_source(made):
    source = made("whatever.gguf", "F16")
    level = made("Mini-Q4_K_M.gguf", "Q4_K_M", {"source": {"path": str(source.path)}})
    sibling = made("mini-full.gguf", "BF16", {"source": {"path": "/models/folder"}})
    other = made("mini-q5.gguf", "Q5_K_M", {"source": {"path": "/models/folder"}})
    assert original_of(level, [level, source, sibling]) == source
    assert original_of(other, [level, source, sibling]) == sibling


def test_a_file_made_from_the_model_is_no_original(made):
    level = made("Mini-Q4_K_M.gguf", "Q4_K_M")
    widened = made("Mini-F16.gguf", "F16", {"source": {"path": str(level.path)}})
    assert original_of(level, [level, widened]) is None


def test_another_shape_is_another_model(made):
    level, larger = made("Mini-Q4_K_M.gguf", "Q4_K_M"), made("Mini-F16.gguf", "F16", layers=2)
    assert original_of(level, [level, larger]) is None


def test_names_without_their_format(made):
    assert stem(made("Llama-3-8B-Q4_K_M.gguf", "Q4_K_M")) == "llama-3-8b"
    assert stem(made("tiny.F16.gguf", "F16")) == "tiny"


def test_the_formats_of_a_model(made):
    level, f16, other = made("Mini-Q4_K_M.gguf", "Q4_K_M"), made("Mini-F16.gguf", "F16"), made("Else-F16.gguf", "F16")
    widened = made("wide.gguf", "F32", {"source": {"path": str(level.path)}})
    found = siblings_of(level, [f16, other, level, widened])
    assert sorted(each.name for each in found) == sorted(each.name for each in (f16, level, widened))
    assert siblings_of(other, [f16, level]) == (other,)
