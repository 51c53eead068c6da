from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from engine.convert import toolchain
from engine.errors import PackageMissing
from tests.helpers.tiny_models import families


def test_converter_and_runtime_are_of_one_release() -> None:
    assert toolchain.versions()["llama-cpp-python"] == importlib.metadata.version("llama-cpp-python")
    assert len(toolchain.versions()["llama.cpp"]) >= 7


def test_the_architectures_are_read_without_importing() -> None:
    known = toolchain.known_architectures()
    assert {"LlamaForCausalLM", "Qwen3ForCausalLM", "Gemma3ForConditionalGeneration"} <= known
    assert len(known) > 200


def test_every_family_that_was_compared_is_allowed() -> None:
    """The table has more: parts of models, and families of which only the configurations were compared."""
    compared = {case["config"]["model_type"] for case in families().values()}
    assert compared <= toolchain.standin_families()
    assert all(toolchain.standin_knows(family) for family in compared)


def test_what_transformers_knows_and_the_stand_in_does_not_needs_torch() -> None:
    assert not toolchain.standin_knows("dbrx")
    assert not toolchain.standin_knows("whisper")
    assert toolchain.standin_knows("chatglm")  # nobody knows it: the bare config.json is all that there is


def test_an_installation_without_a_converter_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(toolchain, "UPSTREAM", tmp_path)
    toolchain.known_architectures.cache_clear()
    with pytest.raises(PackageMissing, match="not part of this installation"):
        toolchain.known_architectures()


@pytest.mark.parametrize(("transformers", "fits"), [("4.57.6", True), ("5.17.0", False), ("4.56.0", False)])
def test_only_the_transformers_that_fits_is_used(
    monkeypatch: pytest.MonkeyPatch, transformers: str, fits: bool
) -> None:
    versions = {"torch": "2.13.0", "transformers": transformers}
    monkeypatch.setattr(importlib.metadata, "version", versions.__getitem__)
    assert bool(toolchain.real_torch()) == fits
