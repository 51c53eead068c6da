"""Every recorded machine, through the whole probe."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.events import Finished, Progress
from engine.machine import gpu_use
from engine.machine.facts import Machine
from engine.machine.look import LLAMA, Places, look
from tests.helpers import recorded
from tests.helpers.recorded import Recorded


def found(case: Recorded) -> Machine:
    places = Places({"models": Path("/")}, Path("never-written.json"))
    *steps, last = look(case, places, measure_bandwidth=False)
    assert all(isinstance(step, Progress) for step in steps)
    assert isinstance(last, Finished)
    return last.value


def differences(expected: dict[str, Any], value: Any) -> dict[str, Any]:
    fields = dataclasses.asdict(value)
    listed = {name: list(fields[name]) if isinstance(fields[name], tuple) else fields[name] for name in expected}
    return {name: (expected[name], listed[name]) for name in expected if listed[name] != pytest.approx(expected[name])}


@pytest.mark.parametrize("name", recorded.names())
def test_a_recorded_machine_is_found(name: str) -> None:
    case = Recorded.load(name)
    expected = case.case["expected"]
    machine = found(case)

    assert differences(expected.get("cpu", {}), machine.cpu) == {}
    assert differences(expected.get("memory", {}), machine.memory) == {}
    wanted = expected.get("gpus", [])
    assert len(machine.gpus) == len(wanted)
    assert [differences(gpu, real) for gpu, real in zip(wanted, machine.gpus, strict=True)] == [{}] * len(wanted)


@pytest.mark.parametrize("name", recorded.names())
def test_what_is_missing_says_why(name: str) -> None:
    case = Recorded.load(name)
    expected = case.case["expected"]
    machine = found(case)

    rows = [row for row in machine.missing if row.what != LLAMA or "worker" in case.case]
    texts = [f"{row.reason} {row.hint}" for row in rows]
    assert len(texts) == len(expected.get("missing", [])), texts
    for text, words in zip(texts, expected.get("missing", []), strict=True):
        assert words in text
    for row in machine.missing:
        assert row.reason.endswith("."), row
        assert row.hint, row


def test_a_part_that_fails_leaves_its_row() -> None:
    machine = found(Recorded.load("gb10"))
    assert machine.llama is None
    assert [row.what for row in machine.missing] == [LLAMA]


def test_a_cards_free_memory_is_read_before_llama_cpp_takes_some_of_it() -> None:
    order: list[str] = []

    class Slow(Recorded):
        def nvml(self) -> Mapping[str, Any]:
            time.sleep(0.2)
            order.append("nvml")
            return super().nvml()

        def ask(self, do: str, limit_s: float, **arguments: Any) -> Mapping[str, Any]:
            order.append(do)
            return super().ask(do, limit_s, **arguments)

    found(Slow(Recorded.load("two-a100").case))
    assert order == ["nvml", "describe_llama"]


@pytest.mark.parametrize("name", [name for name in recorded.names() if "used" in Recorded.load(name).case["expected"]])
def test_the_question_whether_the_gpu_is_used_has_an_answer(name: str) -> None:
    case = Recorded.load(name)
    sentences = gpu_use.answer(found(case))
    assert sentences
    assert sentences[0].startswith("llama.cpp computes on") is case.case["expected"]["used"]


@pytest.mark.parametrize("name", recorded.names())
def test_a_case_names_its_sources(name: str) -> None:
    case = Recorded.load(name).case
    assert case["title"]
    assert case["source"], "a recorded machine without a source is an invented one"
    assert all(source["part"] and (source.get("url") or source.get("note")) for source in case["source"])
    assert isinstance(case["filled"], list)
