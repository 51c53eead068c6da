import importlib
import threading
from pathlib import Path

import pytest

from engine.catalog.checkpoint import Checkpoint
from engine.errors import NotFound, UnsupportedModel
from engine.machine.facts import Cpu, Machine, Memory, Missing
from engine.runtime import registry

BARE = Machine(
    "Linux", Cpu("", "x86_64", 1, 1, 1, 1), Memory(1, 1), missing=(Missing("llama.cpp", "it was not built"),)
)


def checkpoint(name: str, format_id: str) -> Checkpoint:
    return Checkpoint(Path(name), name, format_id, 0)


@pytest.mark.parametrize(
    ("name", "format_id", "backend"),
    [
        ("m.gguf", "gguf-q4_k_m", "llama.cpp"),
        ("m.gguf", "gguf-iq3_xxs", "llama.cpp"),  # a level without a row in FORMATS
        ("folder", "plain-bf16", "transformers"),
        ("folder", "bnb-nf4", "transformers"),
        ("folder", "awq-int4-g128", "transformers"),
        ("folder", "gptq-int4-g32", "transformers"),
        ("folder", "compressed-tensors-int4", "transformers"),
        ("m.script.json", "script", "scripted"),
        ("m.script.json", "gguf-unknown", "scripted"),
    ],
)
def test_a_format_finds_its_back_end(name: str, format_id: str, backend: str):
    assert registry.for_checkpoint(checkpoint(name, format_id)).name == backend


def test_a_format_without_a_back_end_is_named():
    with pytest.raises(UnsupportedModel, match="mlx-int4"):
        registry.for_checkpoint(checkpoint("folder", "mlx-int4"))


def test_an_unknown_name_tells_the_known_ones():
    with pytest.raises(NotFound) as caught:
        registry.named("vllm")
    assert "llama.cpp" in caught.value.hint


def test_a_taken_name_is_refused_and_both_owners_are_named():
    row = registry.named("scripted")
    with pytest.raises(ValueError, match=r"scripted:Scripted and .*scripted:Scripted"):
        registry.table((row, row))


def test_the_reason_why_a_back_end_cannot_run_comes_from_the_machine():
    assert registry.named("llama.cpp").why_not(BARE) == "it was not built"
    assert registry.named("scripted").why_not(BARE) is None


def test_the_scripted_target_exists():
    module, _, name = registry.named("scripted").target.partition(":")
    assert getattr(importlib.import_module(module), name)(threading.Event())
