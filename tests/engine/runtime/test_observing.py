"""What is kept of a load and its answers: beside what was foretold, and only where that means something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.catalog.observations import Observations
from engine.recommend.corrections import Observation
from engine.runtime import observing
from engine.runtime.observing import Expected, expect, keep
from engine.runtime.options import LoadOptions
from tests.helpers.gguf_files import write_gguf
from tests.helpers.machines import machine

COMPUTER = machine({"free_gib": 8, "cores": 4})
LOADED = {
    "backend": "llama.cpp",
    "architecture": "llama",
    "context_tokens": 512,
    "threads": 2,
    "gpu_layers": 0,
    "device": "CPU",
    "load_s": 0.5,
    "weights_bytes": 1000,
    "kv_cache_bytes": 1000,
    "compute_bytes": 1000,
}
USAGE = {
    "prompt_tokens": 200,
    "reused_tokens": 0,
    "answer_tokens": 40,
    "prompt_tokens_s": 300.0,
    "decode_tokens_s": 30.0,
    "peak_memory_bytes": 10**8,
}


def expected(tmp_path: Path, options: LoadOptions = LoadOptions(), **changes: Any) -> Expected | None:  # noqa: B008
    model = write_gguf(tmp_path / "m.gguf")
    return expect(model, "gguf-f16", options, LOADED | changes, lambda on_cpu: COMPUTER)


def by_quantity(rows: Any) -> dict[str, Observation]:
    return {row.quantity: row for row in rows}


def test_a_load_and_its_answer_are_kept_beside_what_was_foretold(tmp_path: Path) -> None:
    found = expected(tmp_path)
    assert found
    keep(found, found.observed(LOADED))
    keep(found, found.answered(USAGE))
    keep(found, found.answered(USAGE | {"decode_tokens_s": 31.0}))
    rows = by_quantity(Observations().corrections().observations)
    assert set(rows) == {"load", "memory", "prompt", "decode"}
    assert rows["decode"].measured == 31.0  # the later answer of the same load
    assert rows["memory"].predicted == found.way.footprint.total_bytes
    case = rows["memory"].case
    assert (case.device, case.build, case.context_tokens) == (COMPUTER.cpu.model, "llama.cpp 0.3.36", 512)


def test_the_rates_are_those_of_the_threads_that_compute(tmp_path: Path) -> None:
    two, four = (expected(tmp_path, threads=threads) for threads in (2, 4))
    assert two
    assert four
    assert four.way.prompt_tokens_s == pytest.approx(2 * (two.way.prompt_tokens_s or 0))


@pytest.mark.parametrize(
    ("usage", "gone"),
    [
        ({"answer_tokens": observing.LEAST_ANSWER_TOKENS - 1}, {"decode"}),
        ({"reused_tokens": 190}, {"prompt"}),
        ({"prompt_tokens": observing.MOST_FILLED_TOKENS}, {"decode"}),
    ],
)
def test_what_is_too_short_or_too_long_to_be_timed_is_not_kept(
    tmp_path: Path, usage: dict[str, int], gone: set[str]
) -> None:
    found = expected(tmp_path)
    assert found
    assert set(by_quantity(found.answered(USAGE | usage))) == {"memory", "prompt", "decode"} - gone


def test_guessed_tokens_say_nothing_about_the_rate(tmp_path: Path) -> None:
    found = expected(tmp_path, LoadOptions(guess_tokens=4))
    assert found
    assert "decode" not in by_quantity(found.answered(USAGE))


@pytest.mark.parametrize("backend", ["remote", "scripted", ""])
def test_nothing_is_foretold_for_what_does_not_compute_here(tmp_path: Path, backend: str) -> None:
    assert expected(tmp_path, backend=backend) is None


def test_a_file_that_is_gone_or_a_format_without_a_size_fails_nothing(tmp_path: Path) -> None:
    assert expect(tmp_path / "gone.gguf", "gguf-f16", LoadOptions(), LOADED, lambda on_cpu: COMPUTER) is None
    assert expect(write_gguf(tmp_path / "m.gguf"), "bnb-???", LoadOptions(), LOADED, lambda on_cpu: COMPUTER) is None
    assert expect(write_gguf(tmp_path / "m.gguf"), "gguf-f16", LoadOptions(), LOADED, lambda on_cpu: None) is None
    keep(None, iter(()))
