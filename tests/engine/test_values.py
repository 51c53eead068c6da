"""Errors, events, pace and quantities."""

from __future__ import annotations

import json
import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import errors
from engine.events import Finished, Notice, Odds, Progress, PromptRead, Token
from engine.pace import Pace
from engine.process import wire
from engine.quantities import duration, size

SAMPLES = [
    errors.DiskFull(10**10, 5, "/models"),
    errors.NotEnoughMemory(2**34, 2**33, 2048, "GPU memory"),
    errors.NotEnoughMemory(0, 2**33),
    errors.AccessNeeded("meta/llama", "https://huggingface.co/meta/llama"),
    errors.DamagedFile("a.gguf", "GGUF", "HTML"),
    errors.UnsupportedModel("newarch", "llama.cpp", "unknown"),
    errors.ContextTooLong(5000, 4096),
    errors.WorkerCrashed(-11, "last lines", "loading", "it read memory that is not its own: SIGSEGV"),
    errors.Offline("huggingface.co"),
    errors.PackageMissing("gptqmodel", "cuda"),
    errors.DriverProblem("470", "525"),
    errors.NotFound("The model x", "/models", "Near names: y."),
    errors.Refused("No.", "Do this."),
    errors.InvalidForm("grammar", "expecting ')'", 2, 7),
    errors.InvalidForm("JSON schema", "it cannot become a grammar."),
    errors.Cancelled("Loading"),
]


def test_there_is_a_sample_of_every_kind() -> None:
    assert {type(sample).__name__ for sample in SAMPLES} == errors.EngineError.kinds.keys()


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: error.kind)
def test_an_error_crosses_a_process_boundary_whole(error: errors.EngineError) -> None:
    again = errors.from_record(json.loads(json.dumps(error.as_record())))
    assert type(again) is type(error)
    assert (again.message, again.hint, again.details) == (error.message, error.hint, error.details)
    assert again.message.endswith(".")


def test_missing_packages_have_one_next_step_that_this_installation_can_take(monkeypatch: pytest.MonkeyPatch) -> None:
    of_an_environment = errors.PackageMissing("torch, awq", environment="autoawq").hint
    assert of_an_environment == "The Machine page sets them up, or: halfbyte environments set-up autoawq."
    assert "pip install -e '.[convert]'" in errors.PackageMissing("torch", "convert").hint
    assert errors.PackageMissing("gguf").hint == "Install it with: pip install gguf"
    monkeypatch.setattr(sys, "frozen", True, raising=False)  # a packaged app has no pip
    assert "pip" not in errors.PackageMissing("gguf").hint


def test_an_unknown_kind_keeps_its_words() -> None:
    record = {"kind": "OfALaterVersion", "message": "No luck.", "hint": "Wait.", "details": {"days": 3}}
    error = errors.from_record(record)
    assert (error.message, error.hint, error.details) == ("No luck.", "Wait.", {"days": 3})


@given(
    st.one_of(
        st.builds(Progress, st.text(), st.floats(0, 1e15), st.none() | st.floats(0, 1e15)),
        st.builds(Notice, st.text()),
        st.builds(PromptRead, st.integers(0), st.integers(0), st.floats(0, 1e6)),
        st.builds(Token, st.text(), st.sampled_from(["answer", "thinking"]), st.lists(st.integers()).map(tuple)),
        st.builds(Token, st.text(), odds=st.just((Odds("a", -0.5, (("a", -0.5), ("b", -1.5))),))),
        st.builds(Finished, st.dictionaries(st.text(), st.integers() | st.text() | st.none())),
    )
)
def test_an_event_crosses_the_wire_whole(event: Progress | Notice | PromptRead | Token | Finished) -> None:
    line = wire.dump({"to": 1, **wire.event_record(event)})
    assert line.count(b"\n") == 1
    assert wire.event_of(wire.load(line)) == event


@pytest.mark.parametrize("line", [b"", b"[]", b"1", b'{"half":', b"\xff\xfe"])
def test_what_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        wire.load(line)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1e9)), min_size=1, max_size=30))
def test_progress_never_runs_backwards(steps: list[tuple[float, float]]) -> None:
    now = 0.0
    pace = Pace("Reading", 1e9, clock=lambda: now)
    last = -math.inf
    for wait_s, done in steps:
        now += wait_s
        progress = pace.at(done)
        assert progress.done >= last
        assert progress.rate is None or progress.rate >= 0
        last = progress.done


def test_a_steady_pace_knows_its_end() -> None:
    now = 0.0
    pace = Pace("Reading", 1000, clock=lambda: now)
    for now in range(1, 10):
        progress = pace.at(now * 100)
    assert progress.rate == pytest.approx(100)
    assert progress.remaining_s == pytest.approx(1)


def test_what_a_resumed_job_did_before_is_not_speed() -> None:
    now = 0.0
    pace = Pace("Fetching", 1000, already_done=900, clock=lambda: now)
    now = 1.0
    assert pace.at(910).rate == pytest.approx(10)


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (7.9e9, "7.9 GB"), (123e6, "123 MB"), (None, "?")],
)
def test_sizes_in_words(count: float | None, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.2, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min")])
def test_spans_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
