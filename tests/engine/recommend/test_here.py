"""Why a machine does not run a format, said of a whole list of models."""

from __future__ import annotations

import pytest

from engine.recommend.here import can_never_run, why_not_here
from tests.helpers.machines import machine

CUDA = ["awq-int4-g128", "gptq-int4-g128", "bnb-nf4", "bnb-int8", "compressed-tensors-int4"]
CARD = {"vendor": "nvidia", "total_gib": 24, "free_gib": 24, "bandwidth_bytes_s": 1e12}


@pytest.mark.parametrize("format_id", CUDA)
def test_formats_for_nvidia_cards_say_what_is_lacking(format_id: str) -> None:
    bare = machine({})
    assert "made for NVIDIA GPUs, and none was found" in why_not_here(format_id, bare)
    assert "torch" in why_not_here(format_id, bare)
    assert can_never_run(format_id, bare)
    assert not can_never_run(format_id, machine({"gpu": CARD}))
    absent = why_not_here(format_id, machine({"gpu": CARD}))
    assert "not installed" in absent
    assert "gptqmodel" not in absent and "bitsandbytes" not in absent, "these only make it"
    assert why_not_here(format_id, machine({"gpu": CARD, "cuda_packages": True})) == ""


def test_what_runs_anywhere_says_nothing() -> None:
    for format_id in ("gguf-q4_k_m", "server", "damaged", "unsupported"):
        assert why_not_here(format_id, machine({})) == ""
    assert "NVIDIA" not in why_not_here("plain-bf16", machine({}))
    assert "Converted to GGUF" in why_not_here("plain-bf16", machine({}))
    assert not can_never_run("plain-bf16", machine({}))
