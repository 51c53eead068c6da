"""The session and its worker process, with the scripted back end in place of a model."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import Cancelled, ContextTooLong, DamagedFile, NotEnoughMemory, NotFound, WorkerCrashed
from engine.events import Event, Finished, Notice, Progress, PromptRead, Token
from engine.process.host import BugError
from engine.runtime.options import LoadOptions, Sampling
from engine.runtime.session import Session, SessionJob
from tests.helpers.scripts import recorded, script

HELLO = [{"role": "user", "content": "say hello please"}]


@pytest.fixture
def started() -> Iterator[Any]:
    sessions: list[Session] = []

    def start(folder: Path, **values: Any) -> Session:
        sessions.append(Session(script(folder, **values), LoadOptions(threads=1)))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def test_a_question_loads_the_model_and_is_answered(started, tmp_path):
    session = started(tmp_path, chunks=["Hel", "lo", {"thinking": "hm"}])
    assert not session.loaded
    events = list(session.generate(HELLO, Sampling(seed=5, stop=("x",))))
    assert session.loaded
    assert session.record["model_name"] == "model"
    assert [type(event) for event in events if not isinstance(event, Progress)] == [
        PromptRead, Token, Token, Token, Finished,
    ]  # fmt: skip
    assert text(events) == "Hellohm"
    assert events[-1].value["seed"] == 5
    (asked,) = recorded(session.checkpoint)
    assert asked["messages"] == HELLO
    assert asked["sampling"]["stop"] == ["x"]


def test_loading_reports_progress_and_ends_with_what_was_loaded(started, tmp_path):
    session = started(tmp_path, context_tokens=99)
    events = list(session.load())
    assert {event.step for event in events[:-1]} == {"load"}
    assert events[-1].value["context_tokens"] == 99
    assert session.loaded


def test_a_follow_up_reuses_what_was_read(started, tmp_path):
    session = started(tmp_path, chunks=["x"])
    list(session.generate(HELLO))
    reads = [e for e in session.generate([*HELLO, {"role": "user", "content": "again"}]) if isinstance(e, PromptRead)]
    assert reads == [PromptRead(4, 3, 0.0)]


@pytest.mark.parametrize(
    ("fail", "error"), [("crash", WorkerCrashed), ("memory", NotEnoughMemory), ("error", BugError)]
)
def test_after_a_failure_the_next_question_works(started, tmp_path, fail, error):
    session = started(tmp_path, chunks=["a", "b"], turns=[{"fail": fail, "after": 1}, {}])
    seen = []
    with pytest.raises(error):
        seen.extend(session.generate(HELLO))
    assert text(list(session.generate(HELLO))) == "ab"
    assert len(recorded(session.checkpoint)) == 2


def test_a_killed_worker_fails_the_answer_and_says_so_with_its_log(started, tmp_path):
    session = started(tmp_path, chunks=["a"] * 1000, tokens_per_s=50, turns=[{}, {"chunks": ["back"]}])
    seen = []
    with pytest.raises(WorkerCrashed, match="the answer") as caught:
        for event in session.generate(HELLO):
            seen.append(event)
            if isinstance(event, Token):
                os.kill(session.worker_pid, signal.SIGKILL)
    assert caught.value.details["exit_code"] == -signal.SIGKILL
    assert not session.loaded
    events = list(session.generate(HELLO))
    assert text(events) == "back"
    assert any(isinstance(event, Notice) for event in events)


def test_a_worker_that_died_in_peace_is_started_again(started, tmp_path):
    session = started(tmp_path, chunks=["a"])
    list(session.load())
    os.kill(session.worker_pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while session.loaded and time.monotonic() < deadline:
        time.sleep(0.01)
    assert text(list(session.generate(HELLO))) == "a"


@pytest.mark.parametrize(
    ("fail", "error"), [("crash", WorkerCrashed), ("memory", NotEnoughMemory), ("error", BugError)]
)
def test_a_failed_load_leaves_a_clean_state(started, tmp_path, fail, error):
    session = started(tmp_path, chunks=["a"], load_fail=fail)
    with pytest.raises(error):
        list(session.load())
    assert not session.loaded
    script(tmp_path, chunks=["a"])  # mended
    assert text(list(session.generate(HELLO))) == "a"


def test_a_damaged_and_a_missing_model_are_told_apart(started, tmp_path):
    session = started(tmp_path)
    session.checkpoint.path.write_text("{")
    with pytest.raises(DamagedFile):
        list(session.load())
    session.checkpoint.path.unlink()
    with pytest.raises(NotFound):
        list(session.generate(HELLO))


def test_a_prompt_longer_than_the_window_is_refused_before_any_work(started, tmp_path):
    session = started(tmp_path, context_tokens=2)
    with pytest.raises(ContextTooLong) as caught:
        list(session.generate(HELLO))
    assert caught.value.details == {"used": 3, "limit": 2, "at_least": False}


def run_and_cancel(job: SessionJob, after: type[Event]) -> float:
    """Cancel a job from another thread when it yields such an event; return the seconds that it took to end."""
    cancelled_s = 0.0
    with pytest.raises(Cancelled):
        for event in job:
            if isinstance(event, after) and not cancelled_s:
                cancelled_s = time.monotonic()
                threading.Thread(target=job.cancel).start()
    return time.monotonic() - cancelled_s


@pytest.mark.parametrize(
    ("values", "after"),
    [
        ({"load_s": 30}, Progress),
        ({"prompt_tokens_s": 0.1}, Progress),
        ({"tokens_per_s": 0.1}, Token),
        ({"fail": "stall", "after": 1}, Token),
        ({"fail": "hang", "after": 1}, Token),  # ended by force
    ],
)
def test_cancel_ends_a_job_within_two_seconds_and_the_next_question_works(started, tmp_path, values, after):
    turns = [{**values, "chunks": ["a", "b"]}, {"chunks": ["next"]}]
    session = started(tmp_path, **({"load_s": values["load_s"]} if "load_s" in values else {"turns": turns}))
    if "load_s" not in values:
        list(session.load())  # else its progress would be taken for that of the question
    assert run_and_cancel(session.generate(HELLO), after) < 2.5
    if "load_s" not in values:
        assert text(list(session.generate(HELLO))) == "next"


def test_a_job_cancelled_before_it_starts_does_not_start(started, tmp_path):
    session = started(tmp_path, chunks=["a"], load_s=30)
    job = session.generate(HELLO)
    job.cancel()
    started_s = time.monotonic()
    with pytest.raises(Cancelled):
        list(job)
    assert time.monotonic() - started_s < 2.5


def test_closing_in_mid_answer_cancels_it(started, tmp_path):
    session = started(tmp_path, chunks=["a"] * 100, tokens_per_s=5)
    with pytest.raises(Cancelled):
        for event in session.generate(HELLO):
            if isinstance(event, Token):
                session.close()
    assert session.worker_pid is None


def test_walking_away_from_an_answer_stops_it(started, tmp_path):
    session = started(tmp_path, chunks=["a"] * 1000, tokens_per_s=100, turns=[{}, {"chunks": ["next"]}])
    answer = iter(session.generate(HELLO))
    while not isinstance(next(answer), Token):
        pass
    answer.close()
    started_s = time.monotonic()
    assert text(list(session.generate(HELLO))) == "next"
    assert time.monotonic() - started_s < 2
