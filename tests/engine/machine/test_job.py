from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Cancelled
from engine.events import Finished, Progress
from engine.machine import job, llama
from engine.machine.facts import Device, LlamaBuild, Machine
from engine.machine.look import Places
from engine.process import wire
from tests.helpers.recorded import Recorded


class Closing(Recorded):
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Closing:
    case = Closing(Recorded.load("rtx-4090-linux").case)
    monkeypatch.setattr(job, "Live", lambda: case)
    monkeypatch.setattr(job, "usual_places", lambda: Places({"models": Path("/")}, Path("never-written.json")))
    return case


def test_the_job_tells_each_step_and_ends_with_the_machine(computer: Closing) -> None:
    *steps, last = job.ProbeJob(measure_bandwidth=False)
    assert isinstance(last, Finished)
    assert isinstance(last.value, Machine)
    assert last.value.gpus[0].name == "NVIDIA GeForce RTX 4090"
    progress = [step for step in steps if isinstance(step, Progress)]
    assert {step.step for step in progress} >= {"processor", "memory", "llama.cpp"}
    assert [step.done for step in progress] == list(range(1, len(progress) + 1))
    assert {step.total for step in progress} == {len(progress)}
    assert computer.closed


def test_a_cancelled_job_says_so_and_ends_its_worker(computer: Closing) -> None:
    running = job.ProbeJob()
    running.cancel()
    with pytest.raises(Cancelled, match="was cancelled"):
        list(running)
    assert computer.closed


def test_a_job_that_nobody_watches_any_more_ends_its_worker(computer: Closing) -> None:
    events = iter(job.ProbeJob())
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert computer.closed


def test_what_llama_cpp_says_survives_the_wire() -> None:
    device = Device("CUDA0", "NVIDIA A100", "CUDA", "gpu", 80, 70, "0000:01:00.0")
    build = LlamaBuild("0.3.36", ("CUDA", "CPU"), (device,), True, "CPU : AVX2 = 1", ("AVX2",), ("cpu", "cuda"))
    line = wire.dump(wire.event_record(Finished(build)))
    event = wire.event_of(wire.load(line))
    assert isinstance(event, Finished)
    assert llama.from_record(event.value) == build
